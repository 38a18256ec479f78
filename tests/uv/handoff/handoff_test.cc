#include <sys/resource.h>

#include <catch2/catch.hpp>

#include "tests/uv/handoff/edge.h"

namespace daphnis::test {
namespace {

/// Runs until the peer has `count` whole responses.
Responses wait_for(Edge& edge, Peer& peer, size_t count) {
  edge.until([&] {
    peer.read();
    return responses_in(peer.received).statuses.size() >= count;
  });
  return responses_in(peer.received);
}

void wait_for_end(Edge& edge, Peer& peer) {
  edge.until([&] {
    peer.read();
    return peer.has_ended;
  });
}

/// Runs until the first attempt is over, while no process can receive a descriptor.
void lose_one_descriptor(Edge& edge) {
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit none = before;
  // No descriptor number is free below the limit, so the kernel drops the one that comes.
  none.rlim_cur = 3;
  setrlimit(RLIMIT_NOFILE, &none);
  edge.until([&] { return edge.broker().dispatcher().attempts().remembered() == 1; });
  setrlimit(RLIMIT_NOFILE, &before);
}

/// Checks that the client gets its CAR.
void expect_served(Edge& edge, Peer& client, const Sample& sample) {
  const Responses got = wait_for(edge, client, 1);
  CHECK(got.statuses == std::vector{200});
  CHECK(got.body == sample.car);
  client.received.clear();
}

}  // namespace

TEST_CASE("a body in the same segment as its head goes to the worker whole") {
  Edge edge;
  Home home(edge);
  const Sample sample(100'000, 'a');
  Peer client(edge, edge.client_port());
  Peer answers(edge, edge.l2_port());
  for (size_t round = 0; round < 3; ++round) {  // The connection comes back each time.
    CAPTURE(round);
    client.send(sample.request());
    answers.send(sample.post(home.order(round)));
    expect_served(edge, client, sample);
    CHECK(wait_for(edge, answers, round + 1).is_last_kept_alive);
    edge.until([&] { return edge.counters().sockets_returned == round + 1; });
  }
  CHECK(edge.counters().handoffs == 3);
  // The connections are the registration, the deliveries, and each return.
  CHECK(edge.counters().connections == 5);
  CHECK(edge.counters().car_bytes_through_broker == 0);
  edge.until([&] { return edge.broker().is_quiet(); });
}

TEST_CASE("a head that comes byte by byte is handed off with its body behind it") {
  Edge edge;
  Home home(edge);
  const Sample sample(3'000, 'b');
  Peer client(edge, edge.client_port());
  client.send(sample.request());
  const std::string post = sample.post(home.order(0));
  const size_t head = post.find("\r\n\r\n") + 4;
  Peer answers(edge, edge.l2_port());
  for (size_t i = 0; i < head; ++i) {
    CHECK(edge.counters().handoffs == 0);
    answers.send(std::string_view(post).substr(i, 1));
    edge.turn();
  }
  answers.send(std::string_view(post).substr(head));
  expect_served(edge, client, sample);
  CHECK(wait_for(edge, answers, 1).statuses == std::vector{200});
  CHECK(edge.counters().handoffs == 1);
  CHECK(edge.counters().car_bytes_through_broker == 0);
}

TEST_CASE("a POST behind another's body goes back with the socket wherever it is cut") {
  Edge edge;
  Home home(edge);
  const Sample first(2'000, 'c');
  const Sample second(5'000, 'd');
  Peer one(edge, edge.client_port());
  Peer other(edge, edge.client_port());
  Peer answers(edge, edge.l2_port());
  size_t orders = 0;
  size_t answered = 0;
  // The cut moves from before the second head into its body.
  for (size_t cut = 0; cut <= 320; cut += 16) {
    CAPTURE(cut);
    one.send(first.request());
    const std::string first_id = home.order(orders++);
    other.send(second.request());
    const std::string post = second.post(home.order(orders++));
    answers.send(first.post(first_id) + post.substr(0, cut));
    expect_served(edge, one, first);
    answers.send(std::string_view(post).substr(cut));
    expect_served(edge, other, second);
    answered += 2;
    CHECK(wait_for(edge, answers, answered).statuses == std::vector<int>(answered, 200));
    edge.until([&] { return edge.counters().sockets_returned == answered; });
  }
  CHECK(edge.counters().handoffs == answered);
  CHECK(edge.counters().sockets_lost == 0);
  edge.until([&] { return edge.broker().is_quiet(); });
}

TEST_CASE("two POSTs in one segment serve two clients") {
  Edge edge;
  Home home(edge);
  const Sample first(10, 'e');
  const Sample second(20, 'f');
  Peer one(edge, edge.client_port());
  one.send(first.request());
  const std::string first_id = home.order(0);
  Peer other(edge, edge.client_port());
  other.send(second.request());
  const std::string second_id = home.order(1);
  Peer answers(edge, edge.l2_port());
  answers.send(first.post(first_id) + second.post(second_id));
  expect_served(edge, one, first);
  expect_served(edge, other, second);
  CHECK(wait_for(edge, answers, 2).statuses == std::vector{200, 200});
}

TEST_CASE("an L2 whose worker dies with its socket in flight sees a close and serves the next") {
  Edge edge;
  Home home(edge);
  const Sample sample(50'000, 'g');
  Peer client(edge, edge.client_port());
  client.send(sample.request());
  Peer answers(edge, edge.l2_port());
  answers.send(sample.post(home.order(0)));
  // The broker's turn with the hand-off ends before the worker reads its pipe again.
  while (edge.counters().handoffs == 0) edge.turn();
  edge.kill_worker();
  wait_for_end(edge, answers);
  CHECK(answers.received.empty());
  wait_for_end(edge, client);
  CHECK(client.received.empty());
  edge.until([&] { return edge.broker().is_quiet(); });

  edge.start_worker();
  Peer again(edge, edge.client_port());
  again.send(sample.request());
  Peer fresh(edge, edge.l2_port());
  fresh.send(sample.post(home.order(1)));
  expect_served(edge, again, sample);
}

TEST_CASE("a hand-off whose socket is lost ends its attempt and the next L2 is asked") {
  Edge edge;
  const Sample sample(1'000, 'h');
  Home home(edge, "home");
  Peer client(edge, edge.client_port());
  client.send(sample.request());
  const std::string id = home.order(0);
  Home other(edge, "other");
  Peer answers(edge, edge.l2_port());
  answers.send(sample.post(id));
  while (edge.counters().handoffs == 0) edge.turn();
  lose_one_descriptor(edge);
  wait_for_end(edge, answers);

  Peer others(edge, edge.l2_port());
  others.send(sample.post(other.order(0)));
  expect_served(edge, client, sample);
  CHECK(edge.counters().outcomes[Outcome::kHandOffLost] == 1);
}

TEST_CASE("a hand-off whose socket is lost is told to the client as our own fault") {
  Edge edge;
  const Sample sample(1'000, 'h');
  Home home(edge);
  Peer client(edge, edge.client_port());
  client.send(sample.request());
  Peer answers(edge, edge.l2_port());
  answers.send(sample.post(home.order(0)));
  while (edge.counters().handoffs == 0) edge.turn();
  lose_one_descriptor(edge);
  CHECK(wait_for(edge, client, 1).statuses == std::vector{503});
  CHECK(client.received.find("\"code\":\"overloaded\"") != std::string::npos);
  CHECK(client.received.find("Retry-After: ") != std::string::npos);
  const auto& registry = edge.broker().registrations().registry();
  registry.for_each(
      [](const broker::L2& l2) { CHECK(l2.tally.failed + l2.tally.lied + l2.tally.silent == 0); });
}

TEST_CASE("a client that goes away ends its L2's upload by an early reply") {
  Edge edge;
  Home home(edge);
  const Sample sample(200'000, 'i');
  Peer client(edge, edge.client_port());
  client.send(sample.request());
  const std::string post = sample.post(home.order(0));
  Peer answers(edge, edge.l2_port());
  answers.send(std::string_view(post).substr(0, post.size() / 2));
  while (edge.counters().handoffs == 0) edge.turn();
  client.reset();
  const Responses early = wait_for(edge, answers, 1);
  CHECK(early.statuses == std::vector{410});
  CHECK_FALSE(early.is_last_kept_alive);
  wait_for_end(edge, answers);
  edge.until([&] { return edge.broker().is_quiet(); });
  CHECK(edge.counters().sockets_returned == 0);
}

}  // namespace daphnis::test
