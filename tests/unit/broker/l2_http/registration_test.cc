#include "tests/unit/broker/rig.h"

namespace daphnis::broker {
namespace {

const Cid kRoot = cid_number(42);

std::string get(const std::string& target, const std::string& more = "") {
  return "GET " + target + " HTTP/1.1\r\nHost: l1\r\n" + more + "\r\n";
}

size_t count(const std::string& text, const std::string& what) {
  size_t found = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

const std::string kHeartbeat = "1\r\n\n\r\n";

}  // namespace

TEST_CASE("a registration is answered at once and kept alive by heartbeats",
          "[broker][registration]") {
  Rig rig;
  const ConnId home = rig.register_l2("home-1");
  const std::string& out = rig.conns[home].out;
  CHECK(out.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(out.find("Transfer-Encoding: chunked\r\n") != std::string::npos);
  CHECK(out.find("Cache-Control: no-cache\r\n") != std::string::npos);
  CHECK(out.ends_with("\r\n\r\n" + kHeartbeat));
  CHECK(rig.conns[home].is_tuned);
  rig.advance(15'000);
  CHECK(count(out, kHeartbeat) == 4);
  CHECK(rig.broker.registrations().registry().size() == 1);
}

TEST_CASE("an HTTP 1.0 registration gets bare lines", "[broker][registration]") {
  Rig rig;
  const ConnId home = rig.connect();
  rig.send(home, "GET /register/old HTTP/1.0\r\n\r\n");
  const WorkerId worker = rig.connect_worker();
  rig.fetch(worker, 1, kRoot);
  CHECK(rig.conns[home].out.find("chunked") == std::string::npos);
  CHECK(rig.conns[home].out.find("\r\n\r\n\n{\"requestId\"") != std::string::npos);
}

TEST_CASE("a legacy L2 gets no v2 keys and a v2 L2 gets them all", "[broker][registration]") {
  Rig rig;
  const bool is_v2 = GENERATE(false, true);
  const ConnId home = rig.register_l2("home", is_v2 ? "?capacity=7&v=2" : "");
  const WorkerId worker = rig.connect_worker();
  rig.tell(worker, ipc::Fetch{.fetch_id = 1,
                              .request = {.root = kRoot,
                                          .path = {"a b", "\xC3\xBC\""},
                                          .scope = DagScope::kEntity,
                                          .bytes = ByteRange{.from = -5, .to = 9},
                                          .dups = true},
                              .trace_id = "t-1",
                              .deadline_ms = 1234});
  REQUIRE(rig.orders(home).empty() == false);
  const std::string order = rig.orders(home)[0];
  const std::string id = Rig::field(order, "requestId");
  const std::string common = R"({"requestId":")" + id + R"(","root":")" + kRoot.text() +
                             R"(","cid":")" + kRoot.text() + R"(","traceId":"t-1")";
  CHECK(order == common + (is_v2 ? R"(,"path":"a%20b/%C3%BC%22","dagScope":"entity",)"
                                   R"("entityBytes":"-5:9","dups":"y","deadlineMs":1234})"
                                 : "}"));
  CHECK(parse_uuid(id));
  CHECK(id.size() == 36);
}

TEST_CASE("odd registrations are told to come back later and never that they are wrong",
          "[broker][registration]") {
  Rig rig;
  const std::string request = GENERATE(
      get("/register/"), get("/register"), get("/register/a%20b"), get("/register/a/b"),
      get("/register/" + std::string(65, 'a')), get("/register/a?v=2&capacity=0"),
      get("/register/a?v=2&capacity=-1"), get("/register/a?capacity=many"),
      get("/register/a?capacity=99999999999999999999"), get("/register/a", "Content-Length: 5\r\n"),
      std::string("POST /register/a HTTP/1.1\r\nHost: l1\r\nContent-Length: 0\r\n\r\n"),
      std::string("GET /register/a HTTP/1.1\r\n\r\n"),
      std::string("GET /register/a HTTP/9.9\r\nHost: l1\r\n\r\n"),
      std::string("GET /register/a HTTP/1.1\r\nHost: l1\r\nBad Header : x\r\n\r\n"));
  CAPTURE(request);
  const ConnId conn = rig.connect();
  rig.send(conn, request);
  CHECK(rig.status(conn) == 503);
  CHECK(rig.conns[conn].out.find("Retry-After: 5\r\n") != std::string::npos);
  CHECK(rig.conns[conn].is_shut);
  CHECK(rig.broker.registrations().registry().size() == 0);
}

TEST_CASE("a newer L2 is served at our version and one of no version is told what there is",
          "[broker][registration]") {
  Rig rig;
  const ConnId newer = rig.register_l2("newer", "?v=3&capacity=2");
  CHECK(rig.status(newer) == 200);
  CHECK(rig.conns[newer].out.find("Daphnis-Version: 2\r\n") != std::string::npos);
  CHECK(speaks_v2(rig.broker.find_l2("newer")->capabilities()));
  const ConnId first = rig.register_l2("first", "?v=1");
  CHECK(rig.status(first) == 200);
  CHECK_FALSE(speaks_v2(rig.broker.find_l2("first")->capabilities()));
  for (const std::string query : {"?v=0", "?v=", "?v=abc", "?v=2.5", "?v=-2", "?v=99999999999"}) {
    CAPTURE(query);
    const ConnId odd = rig.register_l2("odd", query);
    CHECK(rig.status(odd) == 503);
    CHECK(rig.conns[odd].out.find("odd_version") != std::string::npos);
    CHECK(rig.conns[odd].out.find("v=1 and v=2") != std::string::npos);
    CHECK(rig.conns[odd].out.find("Retry-After: 3600\r\n") != std::string::npos);
  }
}

TEST_CASE("a registration head that does not end is told to come back later",
          "[broker][registration]") {
  Rig rig;
  const ConnId conn = rig.connect();
  rig.send(conn, "GET /register/home HTTP/1.1\r\nHost: ");
  rig.advance(10'000);
  CHECK(rig.status(conn) == 503);
}

TEST_CASE("capacity is bounded and defaults to three", "[broker][registration]") {
  Rig rig;
  rig.register_l2("a");
  rig.register_l2("b", "?v=2&capacity=100000");
  rig.broker.registrations().registry().for_each([](const L2& l2) {
    CHECK(l2.registration.capacity == (l2.id() == "a" ? 3 : limits::kL2CapacityMax));
  });
}

TEST_CASE("of two connections with one id the newest wins but only once in five seconds",
          "[broker][registration]") {
  Rig rig;
  const ConnId first = rig.register_l2("home");
  const ConnId second = rig.register_l2("home", "?v=2&capacity=9");
  CHECK(rig.conns[first].out.ends_with(
      "0\r\nDaphnis-Reason: replaced by a newer connection\r\n\r\n"));
  CHECK(rig.conns[first].is_shut);
  CHECK(rig.status(second) == 200);
  CHECK(rig.broker.registrations().ring().size() == 1);

  const ConnId third = rig.register_l2("home");
  CHECK(rig.status(third) == 503);
  CHECK_FALSE(rig.conns[second].is_shut);
  rig.hang_up(first);
  CHECK(rig.broker.registrations().registry().size() == 1);

  rig.advance(5'000);
  const ConnId fourth = rig.register_l2("home");
  CHECK(rig.status(fourth) == 200);
  CHECK(rig.conns[second].is_shut);
  rig.hang_up(fourth);
  CHECK(rig.broker.registrations().registry().size() == 0);
  CHECK(rig.broker.registrations().ring().size() == 0);
}

TEST_CASE("a live id stays with its address until that connection is lost or stands still",
          "[broker][registration]") {
  Rig rig;
  const std::string elsewhere = "198.51.100.7";
  const ConnId home = rig.register_l2("home", "?v=2");
  rig.advance(60'000);
  const ConnId other = rig.register_l2("home", "?v=2", elsewhere);
  CHECK(rig.status(other) == 503);
  CHECK(rig.conns[other].out.find("id_in_use") != std::string::npos);
  CHECK(rig.conns[other].out.find("Retry-After: 5") != std::string::npos);
  CHECK(rig.log.back().find("event=l2_contested") != std::string::npos);
  CHECK(rig.broker.counters().takeovers_refused == 1);
  CHECK_FALSE(rig.conns[home].is_shut);
  SECTION("it is lost") {
    rig.hang_up(home, "the peer is gone");
    CHECK(rig.status(rig.register_l2("home", "?v=2", elsewhere)) == 200);
  }
  SECTION("it stands still for a heartbeat's time") {
    rig.conns[home].reads = false;
    rig.advance(5'000);
    CHECK(rig.status(rig.register_l2("home", "?v=2", elsewhere)) == 503);
    rig.advance(5'000);
    CHECK(rig.status(rig.register_l2("home", "?v=2", elsewhere)) == 200);
    CHECK(rig.conns[home].is_shut);
  }
  SECTION("its own address may always have it") {
    CHECK(rig.status(rig.register_l2("home", "?v=2")) == 200);
  }
}

TEST_CASE("that an id stays with its address may be observed only, or be off",
          "[broker][registration]") {
  const RuleMode mode = GENERATE(RuleMode::kOff, RuleMode::kObserve);
  Rig rig({.keep_id = mode});
  rig.register_l2("home", "?v=2");
  CHECK(rig.status(rig.register_l2("home", "?v=2", "198.51.100.7")) == 200);
  CHECK(rig.broker.counters().takeovers_refused == 0);
  CHECK(rig.broker.counters().takeovers_observed == (mode == RuleMode::kObserve ? 1 : 0));
}

TEST_CASE("two nodes of one id are told of at warn and a node that comes back once is not",
          "[broker][registration]") {
  Rig rig;
  const auto warnings = [&rig] {
    return std::ranges::count_if(rig.log, [](const std::string& line) {
      return line.starts_with("level=warn") && line.find("l2=home") != std::string::npos;
    });
  };
  rig.register_l2("home");
  rig.advance(10'000);
  rig.register_l2("home");
  CHECK(warnings() == 0);
  CHECK(rig.log.back().find("event=l2_replaced l2=home address=") != std::string::npos);
  for (int i = 0; i < 5; ++i) rig.register_l2("home");  // Refused: too soon.
  CHECK(warnings() == 1);
  CHECK(rig.log.back().find("event=l2_contested") != std::string::npos);
  rig.advance(12'000);
  rig.register_l2("home");
  CHECK(warnings() == 2);
  CHECK(rig.log.back().find("event=l2_replaced") != std::string::npos);
  CHECK(rig.log.back().find("former_ms=12000") != std::string::npos);
  CHECK(rig.log.back().find("two nodes use this id") != std::string::npos);
  rig.advance(limits::kIdContestedMs);
  rig.register_l2("home");
  CHECK(warnings() == 2);
}

TEST_CASE("orders of a replaced or lost registration go to another L2 at once",
          "[broker][registration]") {
  Rig rig;
  const ConnId home = rig.register_l2("home");
  const WorkerId worker = rig.connect_worker();
  rig.fetch(worker, 1, kRoot);
  const std::string id = rig.last_id(home);
  const ConnId other = rig.register_l2("other");
  SECTION("lost") {
    rig.hang_up(home, "connection reset by peer");
  }
  SECTION("replaced") {
    rig.register_l2("home");
  }
  REQUIRE(rig.orders(other).size() == 1);
  const ConnId late = rig.connect();
  rig.send(late, "POST /data/" + kRoot.text() + "?requestId=" + id +
                     " HTTP/1.1\r\nHost: l1\r\nContent-Length: 1\r\n\r\nx");
  CHECK(rig.status(late) == 410);
  CHECK(rig.conns[rig.post(other, kRoot)].handed_to == worker);
}

TEST_CASE("when the only L2 is lost its fetches fail and its streams go on",
          "[broker][registration]") {
  Rig rig;
  const ConnId home = rig.register_l2("home", "?capacity=2");
  const WorkerId worker = rig.connect_worker();
  for (uint64_t n = 1; n <= 4; ++n) rig.fetch(worker, n, cid_number(n));
  rig.post(home, cid_number(2));
  rig.hang_up(home);
  CHECK(rig.failure(worker, 1) == Outcome::kL2sFailed);
  CHECK(rig.failure(worker, 3) == Outcome::kNoL2);
  CHECK(rig.failure(worker, 4) == Outcome::kNoL2);
  CHECK_FALSE(rig.failure(worker, 2));
  rig.end_attempt(worker, rig.inbox<ipc::Handoff>(worker)[0], Outcome::kComplete);
  CHECK(rig.broker.is_quiet());
}

TEST_CASE("beyond the bound of L2s a registration is told to come back later",
          "[broker][registration]") {
  Rig rig({.l2s_max = 2});
  rig.register_l2("a");
  const ConnId b = rig.register_l2("b");
  CHECK(rig.status(rig.register_l2("c")) == 503);
  rig.hang_up(b);
  CHECK(rig.status(rig.register_l2("c")) == 200);
}

TEST_CASE("connections beyond the bound are closed and none stays that does not ask",
          "[broker][registration]") {
  Rig rig({.connections_max = 2});
  const ConnId a = rig.connect();
  rig.send(a, "P");
  rig.send(rig.connect(), "P");
  CHECK(rig.conns[rig.connect()].is_closed);
  CHECK(rig.broker.counters().connections_refused == 1);
  rig.advance(11'000);
  CHECK(rig.conns[a].is_closed);
  const ConnId silent = rig.connect();
  rig.advance(30'000);
  CHECK(rig.conns[silent].is_closed);
  CHECK(rig.broker.l2_server().connections() == 0);
}

TEST_CASE("what is not for L2s gets a status and a closed connection", "[broker][registration]") {
  Rig rig;
  const ConnId conn = rig.connect();
  SECTION("a path of nobody") {
    rig.send(conn, get("/ipfs/x"));
    CHECK(rig.status(conn) == 404);
  }
  SECTION("a GET of data") {
    rig.send(conn, get("/data/" + kRoot.text()));
    CHECK(rig.status(conn) == 405);
  }
  SECTION("no HTTP") {
    rig.send(conn, "\x16\x03\x01\x02");
    CHECK(rig.status(conn) == 400);
  }
  SECTION("a head too long") {
    rig.send(conn, "POST /data/x HTTP/1.1\r\nHost: l1\r\nX: " + std::string(20'000, 'x'));
    CHECK(rig.status(conn) == 431);
  }
  CHECK(rig.conns[conn].is_shut);
}

TEST_CASE("a broker that drains ends what nobody streams and takes nothing new",
          "[broker][registration]") {
  Rig rig;
  const ConnId home = rig.register_l2("home", "?v=2&capacity=2");
  const WorkerId worker = rig.connect_worker();
  for (uint64_t n = 1; n <= 3; ++n) rig.fetch(worker, n, cid_number(n));
  rig.post(home, cid_number(2));
  const ConnId idle = rig.connect();
  const ConnId busy = rig.connect();
  rig.send(busy, "POST /hold");
  rig.broker.drain(rig.now_ms);
  rig.carry_out();
  CHECK(rig.failure(worker, 1) == Outcome::kDraining);
  CHECK(rig.failure(worker, 3) == Outcome::kDraining);
  CHECK_FALSE(rig.failure(worker, 2));
  CHECK(rig.conns[home].is_shut);
  CHECK(rig.conns[idle].is_closed);
  CHECK(rig.status(busy) == 503);
  rig.fetch(worker, 9, kRoot);
  CHECK(rig.failure(worker, 9) == Outcome::kDraining);
  CHECK(rig.status(rig.register_l2("new")) == 503);
  rig.advance(1'000);
  CHECK(rig.broker.l2_server().connections() == 0);
}

}  // namespace daphnis::broker
