// Tests of a worker's clients, as the kernel shows them.

#include <catch2/catch.hpp>

#include "tests/uv/handoff/edge.h"

namespace daphnis::test {
namespace {

size_t ended(std::vector<std::unique_ptr<Peer>>& peers) {
  size_t count = 0;
  for (const auto& peer : peers) {
    peer->read();
    if (peer->has_ended) ++count;
  }
  return count;
}

}  // namespace

TEST_CASE("a burst of clients holds no more sockets than there are places") {
  worker::Settings settings;
  settings.clients_max = 2;
  Edge edge(settings);
  constexpr size_t kBurst = 40;
  const size_t before = uv::open_descriptors();
  std::vector<std::unique_ptr<Peer>> peers;
  size_t most = 0;
  const auto look = [&] { most = std::max(most, uv::open_descriptors() - before - peers.size()); };
  for (size_t i = 0; i < kBurst; ++i) {
    peers.push_back(std::make_unique<Peer>(edge, edge.client_port()));
    look();
  }
  edge.until([&] {
    look();
    return ended(peers) == kBurst - settings.clients_max;
  });
  CHECK(most == settings.clients_max);
}

TEST_CASE("a client that has ended its side gets what its L2 sends") {
  Edge edge;
  Home home(edge);
  const Sample sample(100'000, 'a');
  Peer client(edge, edge.client_port());
  client.send(sample.request() + sample.request());
  client.end();
  Peer answers(edge, edge.l2_port());
  answers.send(sample.post(home.order(0)));
  Peer more(edge, edge.l2_port());
  more.send(sample.post(home.order(1)));
  edge.until([&] {
    client.read();
    return client.has_ended;
  });
  const Responses got = responses_in(client.received);
  CHECK(got.statuses == std::vector{200, 200});
  CHECK(got.body == sample.car);
  edge.until([&] { return edge.broker().is_quiet(); });
}

}  // namespace daphnis::test
