#include "tests/unit/broker/rig.h"

namespace daphnis::broker {
namespace {

constexpr uint32_t kWall = 1'800'000'000;
constexpr uint64_t kDayS = 86'400;
const std::string kOne = "0123456789abcdef0123456789abcdef";
const std::string kTwo = "fedcba9876543210fedcba9876543210";
const std::string kElsewhere = "198.51.100.7";
const Cid kRoot = cid_number(42);

TokenSecrets secrets(const std::string& file = kOne) {
  return *TokenSecrets::parse(file);
}

L2List list(const std::string& file) {
  return *L2List::parse(file, L2List::Lines::kIdsAndTokens);
}

std::string token(const std::string& id, uint64_t days = 365) {
  return secrets().mint(id, kWall + days * kDayS);
}

/// A broker that asks for tokens; `exempt` is let in without.
class Gate : public Rig {
 public:
  explicit Gate(Settings settings = {}) : Rig(std::move(settings)) {
    broker.on_second(kWall, now_ms);
    broker.set_auth(auth(), now_ms);
    carry_out();
  }
  static L2Auth auth(const std::string& secrets_file = kOne) {
    auto made = L2Auth::by_token(secrets(secrets_file), 90);
    made.set_exempt(list("exempt"));
    return made;
  }
  void reload(L2Auth auth) {
    broker.set_auth(std::move(auth), now_ms);
    carry_out();
  }
  ConnId show(const std::string& id, const std::string& shown, const std::string& query = "?v=2",
              const std::string& address = "192.0.2.1") {
    const ConnId conn = connect(address);
    send(conn, "GET /register/" + id + query + " HTTP/1.1\r\nHost: l1\r\n" +
                   "Authorization: Bearer " + shown + "\r\n\r\n");
    return conn;
  }
  bool said(ConnId conn, const std::string& what) {
    return conns[conn].out.find(what) != std::string::npos;
  }
  size_t registered() const { return broker.registrations().registry().size(); }
  uint64_t refused(TokenFault fault) {
    return broker.counters().tokens_refused[static_cast<size_t>(fault)];
  }
  /// The last token on a registration; empty: none came.
  std::string successor(ConnId conn) {
    const std::string mark = "{\"token\":\"";
    const std::string& out = conns[conn].out;
    const size_t at = out.rfind(mark);
    if (at == std::string::npos) return {};
    return out.substr(at + mark.size(), out.find('"', at + mark.size()) - at - mark.size());
  }
};

}  // namespace

TEST_CASE("an L2 with a good token is let in and nobody else", "[broker][tokens]") {
  Gate gate;
  CHECK(gate.status(gate.show("home", token("home"))) == 200);
  const ConnId bare = gate.register_l2("other", "?v=2");
  CHECK(gate.status(bare) == 503);
  CHECK(gate.said(bare, "token_needed"));
  CHECK(gate.said(bare, "Retry-After: 3600\r\n"));
  CHECK(gate.refused(TokenFault::kMissing) == 1);
  CHECK(gate.registered() == 1);
}

TEST_CASE("who shows a bad token is told so, and a legacy L2 by no 4xx", "[broker][tokens]") {
  Gate gate;
  const std::string shown =
      GENERATE(as<std::string>(), token("other"), secrets(kTwo).mint("home", kWall + 9),
               secrets().mint("home", kWall), std::string(300, 'a'), "h\xC3\xB6me.1.x", "", "a b");
  CAPTURE(shown);
  const ConnId v2 = gate.show("home", shown);
  CHECK(gate.status(v2) == 403);
  CHECK(gate.said(v2, R"({"code":"bad_token")"));
  CHECK_FALSE(gate.said(v2, "home."));
  CHECK(gate.conns[v2].is_shut);
  const ConnId legacy = gate.show("home", shown, "");
  CHECK(gate.status(legacy) == 503);
  CHECK(gate.said(legacy, R"({"code":"bad_token")"));
  CHECK(gate.said(legacy, "Retry-After: 3600\r\n"));
  CHECK(gate.registered() == 0);
  CHECK(gate.broker.counters().registrations_refused == 2);
}

TEST_CASE("a listed L2 is let in without a token", "[broker][tokens]") {
  Gate gate;
  CHECK(gate.status(gate.register_l2("exempt")) == 200);
  CHECK(gate.broker.counters().registrations_exempt == 1);
}

TEST_CASE("a proven id is taken over by its owner alone and from any address", "[broker][tokens]") {
  Gate gate;
  const ConnId home = gate.show("exempt", token("exempt"));
  gate.advance(60'000);
  for (const std::string& address : {std::string("192.0.2.1"), kElsewhere}) {
    const ConnId thief = gate.register_l2("exempt", "?v=2", address);
    CHECK(gate.status(thief) == 503);
    CHECK(gate.said(thief, "id_in_use"));
    const ConnId liar = gate.show("exempt", token("other"), "?v=2", address);
    CHECK(gate.status(liar) == 403);
  }
  CHECK_FALSE(gate.conns[home].is_shut);
  CHECK(gate.said(home, R"({"notice":"contested","reason":"id_in_use"})"));
  CHECK(gate.broker.counters().takeovers_refused == 2);

  const ConnId moved = gate.show("exempt", token("exempt"), "?v=2", kElsewhere);
  CHECK(gate.status(moved) == 200);
  CHECK(gate.said(home, "Daphnis-Reason: replaced by a newer connection"));
}

TEST_CASE("an L2 whose id is asked for without a token is told once a minute", "[broker][tokens]") {
  Gate gate;
  const ConnId home = gate.show("home", token("home"));
  const auto notices = [&] {
    size_t count = 0;
    const std::string& out = gate.conns[home].out;
    for (size_t at = out.find("contested"); at != std::string::npos;
         at = out.find("contested", at + 1)) {
      ++count;
    }
    return count;
  };
  for (int i = 0; i < 5; ++i) gate.register_l2("home", "?v=2", kElsewhere);
  CHECK(notices() == 1);
  CHECK(gate.log.back().find("event=l2_contested") != std::string::npos);
  gate.advance(60'000);
  gate.register_l2("home", "?v=2", kElsewhere);
  CHECK(notices() == 2);
}

TEST_CASE("an owner ousts at once who had its id without a token", "[broker][tokens]") {
  Gate gate;
  gate.register_l2("exempt", "?v=2", kElsewhere);
  const ConnId other = gate.register_l2("exempt", "?v=2", kElsewhere);
  CHECK(gate.status(gate.show("exempt", token("exempt"))) == 200);
  CHECK(gate.conns[other].is_shut);
}

TEST_CASE("a token that runs out ends no registration and a revocation does", "[broker][tokens]") {
  Gate gate;
  const std::string mine = token("home", 1);
  auto auth = Gate::auth();
  const ConnId home = gate.show("home", mine, "");  // A legacy L2 gets no successor.
  const ConnId other = gate.show("other", token("other"));
  gate.broker.on_second(kWall + 2 * kDayS, gate.now_ms);
  gate.reload(auth);
  CHECK_FALSE(gate.conns[home].is_shut);
  SECTION("of the id") {
    auth.set_revoked(list("home"));
  }
  SECTION("of the token") {
    std::string hex;
    for (const uint8_t byte : digest_of_token(mine)) {
      hex += "0123456789abcdef"[byte >> 4];
      hex += "0123456789abcdef"[byte & 15];
    }
    auth.set_revoked(list(hex));
  }
  gate.reload(auth);
  CHECK(gate.conns[home].is_shut);
  CHECK(gate.said(home, "revoked"));
  CHECK_FALSE(gate.conns[other].is_shut);
  CHECK(gate.broker.counters().registrations_revoked == 1);
  CHECK(gate.status(gate.show("home", mine)) == 403);
}

TEST_CASE("an L2 that is no longer listed goes and one with a token stays", "[broker][tokens]") {
  Gate gate;
  const ConnId listed = gate.register_l2("exempt");
  const ConnId home = gate.show("home", token("home"));
  gate.reload(L2Auth::by_token(secrets(), 90));
  CHECK(gate.conns[listed].is_shut);
  CHECK_FALSE(gate.conns[home].is_shut);
}

TEST_CASE("the orders of a revoked L2 go to another and its streams are ended",
          "[broker][tokens]") {
  Gate gate;
  const WorkerId worker = gate.connect_worker();
  const ConnId home = gate.show("home", token("home"));
  gate.fetch(worker, 1, kRoot);
  gate.fetch(worker, 2, cid_number(43));
  REQUIRE(gate.orders(home).size() == 2);
  const ConnId upload = gate.post(home, cid_number(43));
  REQUIRE(gate.conns[upload].handed_to == worker);
  const auto handoff = gate.inbox<ipc::Handoff>(worker).at(0);
  const ConnId other = gate.show("other", token("other"));
  auto auth = Gate::auth();
  auth.set_revoked(list("home"));
  gate.reload(auth);
  const auto ended = gate.inbox<ipc::EndAttempt>(worker);
  REQUIRE(ended.size() == 1);
  CHECK(ended[0].attempt_id == handoff.attempt_id);
  REQUIRE(gate.orders(other).size() == 1);
  CHECK(Rig::field(gate.orders(other)[0], "root") == kRoot.text());
  gate.end_attempt(worker, handoff, Outcome::kCancelled, true);
  CHECK(gate.orders(other).size() == 2);
}

TEST_CASE("a v2 L2 gets its successor in good time and once", "[broker][tokens]") {
  Gate gate;
  const ConnId late = gate.show("late", token("late", 29));
  const std::string successor = gate.successor(late);
  REQUIRE_FALSE(successor.empty());
  CHECK(parse_l2_token(successor)->until_s == kWall + 90 * kDayS);
  gate.advance(20'000);
  CHECK(gate.broker.counters().tokens_renewed == 1);
  CHECK(gate.status(gate.show("late", successor)) == 200);

  const ConnId early = gate.show("early", token("early", 31));
  CHECK(gate.successor(early).empty());
  gate.broker.on_second(kWall + 2 * kDayS, gate.now_ms);
  gate.advance(5'000);
  CHECK_FALSE(gate.successor(early).empty());
  CHECK(gate.successor(gate.show("legacy", token("legacy", 1), "")).empty());
}

TEST_CASE("secrets are rotated without an L2 that is dropped", "[broker][tokens]") {
  Gate gate;
  const std::string old = token("home");
  const ConnId home = gate.show("home", old);
  gate.reload(Gate::auth(kTwo + "\n" + kOne));
  CHECK(gate.successor(home).empty());
  gate.advance(5'000);
  const std::string successor = gate.successor(home);
  REQUIRE_FALSE(successor.empty());
  gate.reload(Gate::auth(kTwo));
  CHECK_FALSE(gate.conns[home].is_shut);
  gate.advance(10'000);
  CHECK(gate.status(gate.show("home", old)) == 403);
  CHECK(gate.status(gate.show("home", successor)) == 200);
}

TEST_CASE("health goes with a proven id and stays at the address of any other",
          "[broker][tokens]") {
  Gate gate({.keep_id = RuleMode::kOff});
  const bool is_proven = GENERATE(false, true);
  const auto come = [&](const std::string& address) {
    return is_proven ? gate.show("exempt", token("exempt"), "?v=2", address)
                     : gate.register_l2("exempt", "?v=2", address);
  };
  come("192.0.2.1");
  const HealthNo before = gate.broker.find_l2("exempt")->health->no();
  gate.advance(5'000);
  come(kElsewhere);
  const Health& after = *gate.broker.find_l2("exempt")->health;
  CHECK((after.no() == before) == is_proven);
  CHECK(after.address() == kElsewhere);
}

TEST_CASE("a neighbour of an L2 with a token neither delivers nor announces for it",
          "[broker][tokens]") {
  Gate gate;
  const WorkerId worker = gate.connect_worker();
  const ConnId home = gate.show("home", token("home"));
  gate.fetch(worker, 1, kRoot);
  REQUIRE(gate.orders(home).size() == 1);
  CHECK(gate.status(gate.post_bare(kRoot)) == 400);
  CHECK(gate.announce("home", kRoot).find("session_needed") != std::string::npos);
  CHECK(gate.announce("home", kRoot, "192.0.2.1", "add", gate.session_of(home)).find("200") !=
        std::string::npos);
  CHECK(gate.conns[gate.post(home, kRoot)].handed_to == worker);
}

TEST_CASE("no token and no secret is in the log", "[broker][tokens]") {
  Gate gate;
  gate.broker.set_log_level(LogLevel::kDebug);
  const std::string mine = token("home", 1);
  const ConnId home = gate.show("home", mine);
  gate.show("home", mine);
  gate.show("home", token("other"));
  gate.show("home", mine.substr(1));
  const std::string successor = gate.successor(home);
  gate.reload(Gate::auth(kTwo));
  REQUIRE(gate.log.size() > 3);
  for (const std::string& line : gate.log) {
    CAPTURE(line);
    CHECK(line.find(mine.substr(mine.size() - 43)) == std::string::npos);
    CHECK(line.find(successor.substr(successor.size() - 43)) == std::string::npos);
    CHECK(line.find(kOne) == std::string::npos);
    CHECK(line.find(kTwo) == std::string::npos);
  }
}

}  // namespace daphnis::broker
