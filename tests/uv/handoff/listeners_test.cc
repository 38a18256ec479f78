// Tests of listening sockets that outlive the workers that bound them. Clients connect to a
// socket's queue while no worker runs, since the loop stands still meanwhile.

#include <catch2/catch.hpp>
#include <memory>
#include <utility>
#include <vector>

#include "tests/uv/handoff/edge.h"

namespace daphnis::test {
namespace {

constexpr size_t kClients = 40;

/// Clients that have connected and asked, and that no worker has accepted yet.
std::vector<std::unique_ptr<Waiting>> wait_in_line(const Edge& edge) {
  std::vector<std::unique_ptr<Waiting>> clients;
  for (size_t i = 0; i < kClients; ++i) {
    clients.push_back(std::make_unique<Waiting>(edge.client_port()));
    clients.back()->send("GET /ipfs/bafkqaaa?format=raw HTTP/1.1\r\nHost: edge\r\n\r\n");
  }
  return clients;
}

void expect_all_served(Edge& edge, std::vector<std::unique_ptr<Waiting>>& clients) {
  for (const auto& client : clients) {
    edge.until([&] {
      client->read();
      return client->has_ended || !responses_in(client->received).statuses.empty();
    });
    CHECK(responses_in(client->received).statuses == std::vector{200});
  }
}

size_t kept(const Edge& edge) {
  return edge.broker().workers().listeners().size();
}

}  // namespace

TEST_CASE("who waits at a worker that is killed is served by its successor") {
  Edge edge;
  edge.until([&] { return kept(edge) == 1; });
  edge.kill_worker();
  auto clients = wait_in_line(edge);
  edge.start_worker();
  expect_all_served(edge, clients);
  CHECK(kept(edge) == 1);
}

TEST_CASE("who waits at a worker that is killed is served by another where there is one") {
  Edge edge;
  const auto other = edge.add_worker(1);
  edge.until([&] { return kept(edge) == 2; });
  edge.kill_worker();
  auto clients = wait_in_line(edge);
  expect_all_served(edge, clients);
  CHECK(edge.counters().listener_stand_ins == 1);
}

TEST_CASE("a worker that leaves while its successor runs loses nobody") {
  Edge edge;
  edge.until([&] { return kept(edge) == 1; });
  auto successor = edge.add_worker(0);
  for (int round = 0; round < 3; ++round) {
    CAPTURE(round);
    auto before = wait_in_line(edge);
    auto old = std::exchange(successor, edge.add_worker(0));
    old->drain();
    auto after = wait_in_line(edge);
    expect_all_served(edge, before);
    expect_all_served(edge, after);
    old.reset();
    edge.until([&] { return edge.counters().workers_left == static_cast<uint64_t>(round) + 1; });
  }
  CHECK(kept(edge) == 1);
  CHECK(edge.counters().workers_lost == 0);
}

TEST_CASE("the next broker keeps what the workers of before hold") {
  Edge edge;
  edge.until([&] { return kept(edge) == 1; });
  edge.kill_broker();
  auto meanwhile = wait_in_line(edge);
  edge.turn();
  edge.start_broker();
  edge.until([&] { return kept(edge) == 1; });
  expect_all_served(edge, meanwhile);
  edge.kill_worker();
  auto clients = wait_in_line(edge);
  edge.start_worker();
  expect_all_served(edge, clients);
}

}  // namespace daphnis::test
