#include "broker/l2_http/holdings_parser.h"
#include "tests/unit/broker/rig.h"

/// What follows where an L2 says that it has announced all that it has.
namespace daphnis::broker {
namespace {

constexpr const char* kComplete = "{\"complete\":true}\n";

std::string add_line(const std::vector<uint64_t>& roots) {
  std::string line = "{\"add\":[";
  for (const uint64_t n : roots) {
    line += (line.back() == '[' ? "\"" : ",\"") + cid_number(n).text() + "\"";
  }
  return line + "]}\n";
}

std::optional<bool> completeness(const std::string& text, size_t cut = 0) {
  HoldingsParser parser;
  const auto on_root = [](HoldingsParser::Verb, const Cid&) {};
  parser.feed(as_bytes(text.substr(0, cut)), on_root);
  parser.feed(as_bytes(text.substr(cut)), on_root);
  parser.finish(on_root);
  return parser.is_complete();
}

bool says_complete(const std::string& text, size_t cut = 0) {
  return completeness(text, cut) == true;
}

/// A broker with one L2 after the other, and a worker that asks.
struct Edge {
  explicit Edge(Settings settings = {}) : rig(std::move(settings)), worker(rig.connect_worker()) {}

  ConnId add(const std::string& id, const std::string& query = "?v=2") {
    return rig.register_l2(id, query);
  }
  /// `count` L2s that have each announced that they have one block, and no more: that of their own
  /// number, from 1'000 on, or all the block number 1.
  void add_complete(size_t count, bool have_all_the_same = false) {
    for (size_t i = 0; i < count; ++i) {
      const std::string id = "complete-" + std::to_string(i);
      complete.push_back(add(id));
      announce(id, complete.back(), add_line({have_all_the_same ? 1 : 1'000 + i}) + kComplete);
    }
  }
  /// The L2 announces that, with its session's key.
  void announce(const std::string& id, ConnId registration, const std::string& body,
                bool shows_key = true) {
    const ConnId conn = rig.connect();
    rig.send(conn,
             "POST /holdings/" + id + " HTTP/1.1\r\nHost: l1\r\nContent-Length: " +
                 std::to_string(body.size()) + "\r\n" +
                 (shows_key ? "Daphnis-Session: " + rig.session_of(registration) + "\r\n" : "") +
                 "\r\n" + body);
    CHECK(rig.status(conn) == 200);
  }
  [[nodiscard]] bool is_complete(const std::string& id) {
    bool is = false;
    rig.broker.registrations().registry().for_each(
        [&](const L2& l2) { is = l2.id() == id ? l2.is_complete : is; });
    return is;
  }
  /// All L2s that have an unanswered order say that they lack it, until nobody is asked any more.
  size_t deny(const std::vector<ConnId>& l2s, const Cid& root) {
    size_t denied = 0;
    for (bool goes_on = true; goes_on;) {
      goes_on = false;
      for (const ConnId l2 : l2s) {
        if (rig.orders(l2).size() == answered[l2]) continue;
        answered[l2] = rig.orders(l2).size();
        rig.post_not_found(l2, root);
        ++denied;
        goes_on = true;
      }
    }
    return denied;
  }
  [[nodiscard]] const Counters& counters() { return rig.broker.counters(); }

  Rig rig;
  WorkerId worker;
  std::vector<ConnId> complete;
  std::map<ConnId, size_t> answered;
};

}  // namespace

TEST_CASE("an announcement is complete where its last line says so", "[broker][holdings]") {
  const std::string whole = add_line({1, 2}) + kComplete;
  for (size_t cut = 0; cut <= whole.size(); ++cut) CHECK(says_complete(whole, cut));
  CHECK(says_complete(add_line({1}) + "{\"complete\":true}"));
  CHECK(says_complete(std::string(kComplete) + "\n \r\n"));
  CHECK_FALSE(says_complete(add_line({1})));
  CHECK_FALSE(says_complete(kComplete + add_line({1})));
  CHECK(completeness(add_line({1}) + "{\"complete\":false}\n") == false);
  CHECK_FALSE(says_complete(add_line({1}) + "{\"complete\":1}\n"));
  CHECK_FALSE(says_complete(kComplete + std::string("no json\n")));
  CHECK_FALSE(says_complete(kComplete + std::string(limits::kHoldingsLineBytesMax + 1, 'x')));
}

TEST_CASE("an L2 is complete until its registration ends", "[broker][holdings]") {
  Edge edge;
  const ConnId home = edge.add("home");
  edge.announce("home", home, add_line({1}));
  CHECK_FALSE(edge.is_complete("home"));
  edge.announce("home", home, add_line({2}) + kComplete);
  CHECK(edge.is_complete("home"));
  edge.announce("home", home, add_line({3}));
  CHECK(edge.is_complete("home"));
  CHECK(edge.counters().holdings_complete == 1);
  SECTION("or by its own word") {
    edge.announce("home", home, "{\"complete\":false}\n");
  }
  SECTION("by a newer connection") {
    edge.rig.advance(10'000);
    edge.add("home");
  }
  SECTION("and comes back") {
    edge.rig.hang_up(home);
    edge.add("home");
  }
  CHECK_FALSE(edge.is_complete("home"));
}

TEST_CASE("an L2 is not complete by a stranger's word, nor where its roots were not all kept",
          "[broker][holdings]") {
  SECTION("no key") {
    Edge edge;
    edge.announce("home", edge.add("home"), add_line({1}) + kComplete, false);
    CHECK_FALSE(edge.is_complete("home"));
    CHECK(edge.counters().holdings_complete_void == 0);
  }
  SECTION("a legacy L2") {
    Edge edge;
    edge.announce("home", edge.add("home", ""), add_line({1}) + kComplete);
    CHECK_FALSE(edge.is_complete("home"));
  }
  SECTION("a bound") {
    Edge edge({.holdings_per_address = 2});
    const ConnId home = edge.add("home");
    edge.announce("home", home, add_line({1, 2}) + kComplete);
    CHECK(edge.is_complete("home"));
    edge.announce("home", home, add_line({3}));
    CHECK_FALSE(edge.is_complete("home"));
    edge.announce("home", home, kComplete);
    CHECK_FALSE(edge.is_complete("home"));
    CHECK(edge.counters().holdings_complete_void == 1);
  }
  SECTION("junk") {
    Edge edge;
    edge.announce("home", edge.add("home"), "{\"add\":[\"junk\"]}\n" + std::string(kComplete));
    CHECK_FALSE(edge.is_complete("home"));
    CHECK(edge.counters().holdings_complete_void == 1);
  }
}

TEST_CASE("among many L2s the complete ones are asked last, and eight of them",
          "[broker][holdings]") {
  const RuleMode mode = GENERATE(RuleMode::kOff, RuleMode::kObserve, RuleMode::kOn);
  const bool is_on = mode == RuleMode::kOn;
  Edge edge({.complete_holdings = mode});
  edge.add_complete(100);
  const ConnId open = edge.add("open");
  edge.rig.fetch(edge.worker, 1, cid_number(50));
  if (is_on) CHECK(edge.rig.orders(open).size() == 1);
  std::vector<ConnId> all = edge.complete;
  all.push_back(open);
  CHECK(edge.deny(all, cid_number(50)) == (is_on ? 1 + kCompletePerFetchMax : 32));
  CHECK(edge.rig.failure(edge.worker, 1) == Outcome::kNotFound);
  if (is_on) CHECK(edge.counters().complete_l2s_passed_over == 1);
  CHECK((edge.counters().complete_l2s_passed_over > 0) == (mode != RuleMode::kOff));
}

TEST_CASE("a complete L2 is a holder like any other of what it announced", "[broker][holdings]") {
  Edge edge({.claims = RuleMode::kOff});
  edge.add_complete(64, true);
  const ConnId open = edge.add("open");
  edge.rig.fetch(edge.worker, 1, cid_number(1));
  CHECK(edge.rig.orders(open).empty());
  CHECK(edge.deny(edge.complete, cid_number(1)) > kCompletePerFetchMax);
}

TEST_CASE("on a small edge it makes no difference that L2s are complete", "[broker][holdings]") {
  Edge edge;
  edge.add_complete(20);
  edge.rig.fetch(edge.worker, 1, cid_number(50));
  CHECK(edge.deny(edge.complete, cid_number(50)) == 20);
  CHECK(edge.counters().complete_l2s_passed_over == 0);
}

}  // namespace daphnis::broker
