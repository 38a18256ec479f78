#include "tests/unit/broker/rig.h"

namespace daphnis::broker {
namespace {

const Cid kRoot = cid_number(42);

/// A broker with one L2 that has an order for kRoot.
struct Ordered {
  explicit Ordered(const std::string& query = "?v=2") : home(rig.register_l2("home", query)) {
    worker = rig.connect_worker();
    rig.fetch(worker, 1, kRoot);
  }
  int post_target(const std::string& target, const std::string& address = "192.0.2.1") {
    const ConnId conn = rig.connect(address);
    rig.send(conn, "POST " + target + " HTTP/1.1\r\nHost: l1\r\nContent-Length: 99999\r\n\r\nabc");
    if (rig.conns[conn].handed_to) return 0;
    CHECK(rig.conns[conn].is_shut);
    CHECK(rig.conns[conn].out.find("Connection: close") != std::string::npos);
    return rig.status(conn);
  }
  Rig rig;
  ConnId home;
  WorkerId worker{};
};

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

std::string undashed(std::string text) {
  std::erase(text, '-');
  return text;
}

/// The counts against any L2.
uint64_t failures(Rig& rig) {
  uint64_t sum = 0;
  rig.broker.registrations().registry().for_each(
      [&](const L2& l2) { sum += l2.tally.failed + l2.tally.lied + l2.tally.silent; });
  return sum;
}

}  // namespace

TEST_CASE("an attempt id is matched by value however it is spelled", "[broker][deliveries]") {
  Ordered at;
  const std::string id = at.rig.last_id(at.home);
  const std::string spellings[] = {id, upper(id), undashed(id), upper(undashed(id))};
  const std::string& spelled = spellings[GENERATE(0, 1, 2, 3)];
  const bool in_path = GENERATE(true, false);
  CHECK(at.post_target("/data/" + kRoot.text() + (in_path ? "/" : "?requestId=") + spelled) == 0);
}

TEST_CASE("what was asked for over TLS must come over TLS", "[broker][deliveries]") {
  Rig rig;
  rig.over_tls = true;
  const ConnId home = rig.register_l2("home");
  const WorkerId worker = rig.connect_worker();
  rig.fetch(worker, 1, kRoot);
  const std::string head = "POST /data/" + kRoot.text() + "?requestId=" + rig.last_id(home) +
                           " HTTP/1.1\r\nHost: l1\r\nContent-Length: 2\r\n\r\n";
  rig.over_tls = false;
  const ConnId in_clear = rig.connect();
  rig.send(in_clear, head);
  CHECK(rig.status(in_clear) == 403);
  CHECK(rig.broker.counters().deliveries_in_clear == 1);
  CHECK(rig.inbox<ipc::Handoff>(worker).empty());
  rig.over_tls = true;
  const ConnId secret = rig.connect();
  rig.send(secret, head);
  CHECK(rig.inbox<ipc::Handoff>(worker).size() == 1);
}

TEST_CASE("a CID equals the root when codec and multihash agree", "[broker][deliveries]") {
  Rig rig;
  const auto v0 = *Cid::from_text("QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG");
  const auto v1 = *Cid::v1(codec::kDagPb, 0x12, v0.digest());
  const ConnId home = rig.register_l2("home");
  const WorkerId worker = rig.connect_worker();
  rig.fetch(worker, 1, v0);
  CHECK(rig.conns[rig.post(home, v1)].handed_to == worker);
}

TEST_CASE("deliveries that are no use get their status at once", "[broker][deliveries]") {
  Ordered at;
  const std::string id = at.rig.last_id(at.home);
  const std::string good = "/data/" + kRoot.text() + "?requestId=" + id;
  SECTION("for an id that was never issued") {
    CHECK(at.post_target("/data/" + kRoot.text() +
                         "?requestId=f9ed4675-f1c5-4513-861a-3b3b4e25b4c0") == 404);
  }
  SECTION("for another CID than the attempt's and the attempt stays open") {
    CHECK(at.post_target("/data/" + cid_number(1).text() + "?requestId=" + id) == 400);
    CHECK(at.post_target(good) == 0);
  }
  SECTION("with an id that is no UUID or a path that is no CID") {
    CHECK(at.post_target("/data/" + kRoot.text() + "?requestId=hello") == 400);
    CHECK(at.post_target("/data/hello?requestId=" + id) == 400);
  }
  SECTION("a second time while the first streams and after it") {
    CHECK(at.post_target(good) == 0);
    CHECK(at.post_target(good) == 409);
    at.rig.end_attempt(at.worker, at.rig.inbox<ipc::Handoff>(at.worker)[0], Outcome::kComplete);
    CHECK(at.post_target(good) == 409);
    at.rig.advance(60'000);
    CHECK(at.post_target(good) == 404);
  }
  SECTION("after the client left") {
    at.rig.tell(at.worker, ipc::CancelFetch{1});
    CHECK(at.post_target(good) == 410);
  }
  SECTION("late and after the last deadline") {
    at.rig.advance(2'999);
    const bool is_over = GENERATE(false, true);
    if (is_over) at.rig.advance(1);
    CHECK(at.post_target(good) == (is_over ? 410 : 0));
  }
  SECTION("after the worker died") {
    at.rig.kill_worker(at.worker);
    CHECK(at.post_target(good) == 410);
  }
}

TEST_CASE("a small POST that nobody waits for is read to its end and keeps its connection",
          "[broker][deliveries]") {
  Ordered at;
  const std::string target = "/data/" + kRoot.text() + "?requestId=" + at.rig.last_id(at.home) +
                             " HTTP/1.1\r\nHost: l1\r\n";
  at.rig.tell(at.worker, ipc::CancelFetch{1});
  const ConnId conn = at.rig.connect();
  const auto& out = at.rig.conns[conn].out;
  const size_t size = GENERATE(size_t{0}, size_t{5}, size_t{limits::kReadOutBytesMax});
  const std::string length = "Content-Length: " + std::to_string(size) + "\r\n";
  SECTION("it goes on") {
    at.rig.send(conn, "POST " + target + length + "\r\n" + std::string(size / 2, 'x'));
    CHECK(out.empty() == (size > 0));
    at.rig.send(conn, std::string(size - size / 2, 'x'));
    CHECK(at.rig.status(conn) == 410);
    CHECK(out.find("Connection: close") == std::string::npos);
    CHECK(!at.rig.conns[conn].is_shut);
    CHECK(at.rig.broker.counters().deliveries_read_out == 1);
  }
  SECTION("but not where it does not want that") {
    at.rig.send(conn,
                "POST " + target + length + "Connection: close\r\n\r\n" + std::string(size, 'x'));
    CHECK(at.rig.status(conn) == 410);
    CHECK(out.find("Connection: close") != std::string::npos);
    CHECK(at.rig.conns[conn].is_shut);
  }
  SECTION("nor where it waits to be told to go on") {
    at.rig.send(conn, "POST " + target + length + "Expect: 100-continue\r\n\r\n");
    CHECK(at.rig.status(conn) == 410);
    CHECK(at.rig.conns[conn].is_shut);
  }
  SECTION("nor where it is slow") {
    at.rig.send(conn, "POST " + target + "Content-Length: 5\r\n\r\nabcd");
    at.rig.advance(999);
    CHECK(out.empty());
    at.rig.advance(1);
    CHECK(at.rig.status(conn) == 410);
    CHECK(at.rig.conns[conn].is_shut);
  }
}

TEST_CASE("a refused upload is drained up to a bound and then closed", "[broker][deliveries]") {
  Ordered at;
  const ConnId conn = at.rig.connect();
  at.rig.send(conn, "POST /data/" + kRoot.text() +
                        "?requestId=f9ed4675-f1c5-4513-861a-3b3b4e25b4c0 HTTP/1.1\r\nHost: l1\r\n"
                        "Content-Length: 99999999\r\n\r\n");
  REQUIRE(at.rig.status(conn) == 404);
  const std::string part(64 * limits::kKiB, 'x');
  SECTION("by bytes") {
    for (int i = 0; i < 16; ++i) at.rig.send(conn, part);
    CHECK_FALSE(at.rig.conns[conn].is_closed);
    at.rig.send(conn, part);
    CHECK(at.rig.conns[conn].is_closed);
    CHECK(at.rig.broker.counters().drained_bytes == 17 * part.size());
  }
  SECTION("by time") {
    at.rig.advance(999);
    CHECK_FALSE(at.rig.conns[conn].is_closed);
    at.rig.advance(1);
    CHECK(at.rig.conns[conn].is_closed);
  }
  SECTION("by the peer") {
    at.rig.hang_up(conn);
    CHECK(at.rig.conns[conn].is_closed);
  }
}

TEST_CASE("a POST without id needs exactly one order for it out to its address",
          "[broker][deliveries]") {
  Ordered at;
  const std::string bare = "/data/" + kRoot.text();
  SECTION("one") {
    CHECK(at.post_target(bare) == 0);
  }
  SECTION("from another address") {
    CHECK(at.post_target(bare, "192.0.2.9") == 400);
  }
  SECTION("for another CID") {
    CHECK(at.post_target("/data/" + cid_number(3).text()) == 400);
  }
  SECTION("two") {
    at.rig.fetch(at.worker, 2, kRoot);
    REQUIRE(at.rig.orders(at.home).size() == 2);
    CHECK(at.post_target(bare) == 400);
  }
  SECTION("already delivered") {
    CHECK(at.post_target(bare) == 0);
    CHECK(at.post_target(bare) == 400);
  }
}

TEST_CASE("a not-found keeps its connection for the next delivery", "[broker][deliveries]") {
  Ordered at;
  at.rig.fetch(at.worker, 2, cid_number(2));
  const auto orders = at.rig.orders(at.home);
  REQUIRE(orders.size() == 2);
  const ConnId conn = at.rig.connect();
  // One read brings both a chunked empty body and a POST pipelined behind it.
  const std::string second = "POST /data/" + cid_number(2).text() +
                             "?requestId=" + Rig::field(orders[1], "requestId") +
                             " HTTP/1.1\r\nHost: l1\r\nContent-Length: 2\r\n\r\nhi";
  at.rig.send(conn, "POST /data/" + kRoot.text() +
                        "?requestId=" + Rig::field(orders[0], "requestId") +
                        " HTTP/1.1\r\nHost: l1\r\nTransfer-Encoding: chunked\r\n"
                        "Daphnis-Not-Found: 1\r\n\r\n0\r\n\r\n" +
                        second);
  CHECK(at.rig.status(conn) == 200);
  CHECK(at.rig.failure(at.worker, 1) == Outcome::kNotFound);
  REQUIRE(at.rig.inbox<ipc::Handoff>(at.worker).size() == 1);
  CHECK(as_text(at.rig.inbox<ipc::Handoff>(at.worker)[0].received) == second);
}

TEST_CASE("a socket that comes back serves its next POST from the surplus",
          "[broker][deliveries]") {
  Ordered at;
  at.rig.fetch(at.worker, 2, cid_number(2));
  const auto orders = at.rig.orders(at.home);
  const ConnId first = at.rig.connect();
  at.rig.send(first, "POST /data/" + kRoot.text() +
                         "?requestId=" + Rig::field(orders[0], "requestId") +
                         " HTTP/1.1\r\nHost: l1\r\nContent-Length: 2\r\n\r\nhi");
  const auto handoff = at.rig.inbox<ipc::Handoff>(at.worker).at(0);
  at.rig.end_attempt(at.worker, handoff, Outcome::kComplete);
  const std::string next = "POST /data/" + cid_number(2).text() +
                           "?requestId=" + Rig::field(orders[1], "requestId") +
                           " HTTP/1.1\r\nHost: l1\r\nContent-Length: 2\r\n\r\n";
  const Broker::Arrived back{at.rig.fresh_conn(),
                             {.address = "192.0.2.1", .cookie = handoff.cookie}};
  SECTION("the cookie is the frame's") {
    at.rig.tell(at.worker, ipc::ReturnSocket{handoff.cookie, {next.begin(), next.end()}}, back);
    REQUIRE(at.rig.inbox<ipc::Handoff>(at.worker).size() == 2);
    CHECK(as_text(at.rig.inbox<ipc::Handoff>(at.worker)[1].received) == next);
    CHECK(at.rig.inbox<ipc::Handoff>(at.worker)[1].cookie == handoff.cookie);
    CHECK(at.rig.broker.counters().sockets_returned == 1);
  }
  SECTION("it is a proxy's, and the worker says whose it was") {
    CHECK(handoff.address == "192.0.2.1");
    const Broker::Arrived of_proxy{back.conn, {.address = "10.0.0.1", .cookie = handoff.cookie}};
    const ipc::ReturnSocket returned{handoff.cookie, {next.begin(), next.end()}, handoff.address};
    at.rig.tell(at.worker, returned, of_proxy);
    REQUIRE(at.rig.inbox<ipc::Handoff>(at.worker).size() == 2);
    CHECK(at.rig.inbox<ipc::Handoff>(at.worker)[1].address == "192.0.2.1");
  }
  SECTION("the socket is another frame's") {
    at.rig.tell(at.worker, ipc::ReturnSocket{handoff.cookie + 1, {}}, back);
    CHECK(at.rig.conns[back.conn].is_closed);
    CHECK(at.rig.broker.counters().sockets_lost == 1);
  }
  SECTION("the socket is missing") {
    at.rig.tell(at.worker, ipc::ReturnSocket{handoff.cookie, {}});
    CHECK(at.rig.broker.counters().sockets_lost == 1);
  }
  SECTION("a socket comes with a message that carries none") {
    at.rig.tell(at.worker, ipc::Pong{1}, back);
    CHECK(at.rig.conns[back.conn].is_closed);
  }
}

TEST_CASE("beyond the bound of waiting hand-offs an L2 is told 503", "[broker][deliveries]") {
  Rig rig;
  const WorkerId worker = rig.connect_worker();
  std::vector<ConnId> homes;
  for (int n = 0; n < 2; ++n) {
    homes.push_back(rig.register_l2("home-" + std::to_string(n), "?v=2&capacity=256"));
  }
  uint64_t n = 0;
  const auto fetch_and_post = [&] {
    const Cid root = cid_number(++n);
    rig.fetch(worker, n, root);
    for (const ConnId home : homes) {
      const auto orders = rig.orders(home);
      if (orders.empty() || Rig::field(orders.back(), "root") != root.text()) continue;
      return rig.status(rig.post(home, root));
    }
    return -1;
  };
  for (size_t i = 0; i < limits::kHandoffsAwaitingMax; ++i) REQUIRE(fetch_and_post() == 0);
  CHECK(fetch_and_post() == 503);
  CHECK(rig.broker.counters().handoffs_refused == 1);
  CHECK(failures(rig) == 0);
  rig.tell(worker, ipc::HandoffTaken{rig.inbox<ipc::Handoff>(worker)[0].attempt_id});
  rig.tell(worker, ipc::HandoffTaken{rig.inbox<ipc::Handoff>(worker)[0].attempt_id});
  rig.advance(10'000);
  CHECK(fetch_and_post() == 0);
  CHECK(fetch_and_post() == 503);
}

TEST_CASE("a delivery that we lose is our own fault and not its L2's", "[broker][deliveries]") {
  Ordered at;
  at.rig.post(at.home, kRoot);
  const auto handoff = at.rig.inbox<ipc::Handoff>(at.worker).at(0);
  at.rig.tell(at.worker, ipc::AttemptEnded{.fetch_id = handoff.fetch_id,
                                           .attempt_id = handoff.attempt_id,
                                           .outcome = Outcome::kHandOffLost,
                                           .wants_another = true});
  const auto failed = at.rig.inbox<ipc::FetchFailed>(at.worker);
  REQUIRE(failed.size() == 1);
  CHECK(failed[0].reason == Outcome::kOverloaded);
  CHECK(failed[0].retry_after_s > 0);
  CHECK(failures(at.rig) == 0);
}

TEST_CASE("what a worker says of attempts it has not is ignored", "[broker][deliveries]") {
  Ordered at;
  at.rig.post(at.home, kRoot);
  const auto handoff = at.rig.inbox<ipc::Handoff>(at.worker).at(0);
  const WorkerId other = at.rig.connect_worker();
  at.rig.end_attempt(other, handoff, Outcome::kComplete);
  CHECK_FALSE(at.rig.broker.is_quiet());
  at.rig.end_attempt(at.worker, handoff, Outcome::kComplete);
  at.rig.end_attempt(at.worker, handoff, Outcome::kComplete);
  CHECK(at.rig.broker.is_quiet());
  CHECK(at.rig.broker.counters().fetches_served == 1);
}

TEST_CASE("a cancelled stream holds its L2 until the worker reports its end",
          "[broker][deliveries]") {
  Rig rig;
  const ConnId home = rig.register_l2("home", "?v=2&capacity=1");
  const WorkerId worker = rig.connect_worker();
  rig.fetch(worker, 1, kRoot);
  rig.post(home, kRoot);
  rig.tell(worker, ipc::CancelFetch{1});
  CHECK(rig.broker.dispatcher().fetches() == 0);
  rig.fetch(worker, 2, cid_number(2));
  CHECK(rig.orders(home).size() == 1);
  rig.end_attempt(worker, rig.inbox<ipc::Handoff>(worker)[0], Outcome::kCancelled);
  CHECK(rig.orders(home).size() == 2);
}

}  // namespace daphnis::broker
