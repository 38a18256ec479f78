#include "broker/registry/holdings.h"

#include "broker/l2_http/holdings_parser.h"
#include "tests/unit/broker/rig.h"

namespace daphnis::broker {

namespace {

struct Read {
  std::vector<std::string> roots;  ///< "+cid" or "-cid".
  uint64_t junk = 0;
  bool operator==(const Read&) const = default;
};

Read read(const std::vector<std::string>& parts) {
  Read out;
  HoldingsParser parser;
  const auto on_root = [&](HoldingsParser::Verb verb, const Cid& cid) {
    out.roots.push_back((verb == HoldingsParser::Verb::kAdd ? "+" : "-") + cid.text());
  };
  for (const std::string& part : parts) parser.feed(as_bytes(part), on_root);
  parser.finish(on_root);
  out.junk = parser.junk();
  return out;
}

std::string add_line(uint64_t n) {
  return "{\"add\":[\"" + cid_number(n).text() + "\"]}";
}
L2 l2_number(uint64_t n, Network network = Network{7}) {
  L2 l2;
  l2.no = L2No{n};
  l2.network = network;
  return l2;
}
std::string plus(uint64_t n) {
  return "+" + cid_number(n).text();
}

}  // namespace

TEST_CASE("announcements are read the same whatever the cuts", "[broker][holdings]") {
  const std::string text = add_line(1) + "\r\n\n  \n{\"add\":[],\"remove\":[\"" +
                           cid_number(2).text() + "\"]}\nnot json\n" + add_line(3);
  const Read whole = read({text});
  CHECK(whole.roots == std::vector<std::string>{plus(1), "-" + cid_number(2).text(), plus(3)});
  CHECK(whole.junk == 1);
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    CAPTURE(cut);
    CHECK(read({text.substr(0, cut), text.substr(cut)}) == whole);
  }
  std::vector<std::string> bytes;
  for (const char c : text) bytes.emplace_back(1, c);
  CHECK(read(bytes) == whole);
}

TEST_CASE("junk in announcements is passed over and what follows is read", "[broker][holdings]") {
  std::string junk;
  SECTION("invalid UTF-8") {
    junk = "{\"add\":[\"\xff\xfe\"]}";
  }
  SECTION("a line without end of ten megabytes") {
    junk = std::string(10 << 20, 'x');
  }
  SECTION("deep nesting") {
    junk = std::string(10'000, '[');
  }
  SECTION("deep nesting in a value") {
    junk = "{\"add\":" + std::string(10'000, '[');
  }
  SECTION("not a number") {
    junk = "{\"add\":NaN}";
  }
  SECTION("two objects on a line") {
    junk = add_line(7) + add_line(8);
  }
  SECTION("an array at the top") {
    junk = "[1,2]";
  }
  SECTION("a number for a root") {
    junk = "{\"add\":[5]}";
  }
  SECTION("text that is no CID") {
    junk = "{\"add\":[\"hello\"]}";
  }
  SECTION("an object for a list") {
    junk = "{\"add\":{}}";
  }
  const Read seen = read({junk + "\n" + add_line(1) + "\n"});
  CHECK(seen.roots == std::vector<std::string>{plus(1)});
  CHECK(seen.junk == 1);
}

TEST_CASE("odd but harmless announcements are read", "[broker][holdings]") {
  CHECK(read({"\xEF\xBB\xBF" + add_line(1)}).roots.size() == 1);
  CHECK(read({R"({"load":1,"add":[")" + cid_number(1).text() + R"("]})"}).junk == 0);
  const std::string twice =
      "{\"add\":[\"" + cid_number(1).text() + "\"],\"add\":[\"" + cid_number(2).text() + "\"]}";
  CHECK(read({twice}).roots == std::vector<std::string>{plus(1), plus(2)});
}

TEST_CASE("holdings forget an L2 whole and keep their bounds", "[broker][holdings]") {
  Holdings holdings;
  for (uint64_t n = 1; n <= limits::kHoldersPerRootMax; ++n) {
    CHECK(holdings.add(l2_number(n), 5) == Holdings::Added::kNew);
  }
  CHECK(holdings.add(l2_number(1), 5) == Holdings::Added::kKnown);
  CHECK(holdings.add(l2_number(9'999), 5) == Holdings::Added::kFull);
  holdings.add(l2_number(1), 6);
  CHECK(holdings.size() == limits::kHoldersPerRootMax + 1);
  holdings.remove_all(L2No{1});
  CHECK(holdings.holders(6).empty());
  CHECK(holdings.size_of(L2No{1}) == 0);
  CHECK(holdings.size() == limits::kHoldersPerRootMax - 1);
  CHECK(holdings.add(l2_number(9'999), 5) == Holdings::Added::kNew);
  CHECK(holdings.remove(L2No{9'999}, 5));
  CHECK_FALSE(holdings.remove(L2No{9'999}, 5));
}

TEST_CASE("one L2 cannot announce without end", "[broker][holdings]") {
  Holdings holdings;
  for (uint64_t n = 0; n < limits::kHoldingsPerL2Max; ++n) holdings.add(l2_number(1), n);
  CHECK(holdings.add(l2_number(1), ~uint64_t{0}) == Holdings::Added::kFull);
  CHECK(holdings.add(l2_number(2), ~uint64_t{0}) == Holdings::Added::kNew);
}

TEST_CASE("only a registered L2 at its own address can announce", "[broker][holdings]") {
  Rig rig;
  const ConnId home = rig.register_l2("home", "?v=2");
  CHECK(rig.announce("nobody", cid_number(1)).find(" 404 ") != std::string::npos);
  CHECK(rig.announce("home", cid_number(1), "192.0.2.2").find(" 403 ") != std::string::npos);
  CHECK(rig.broker.registrations().holdings().size() == 0);
  const std::string ok = rig.announce("home", cid_number(1));
  CHECK(ok.find(" 200 ") != std::string::npos);
  CHECK(ok.ends_with("{\"added\":1,\"removed\":0,\"junk\":0}\n"));
  CHECK(rig.broker.registrations().holdings().size() == 1);
  SECTION("they go with it") {
    rig.hang_up(home);
  }
  SECTION("they go with a takeover") {
    rig.register_l2("home", "?v=2");
  }
  CHECK(rig.broker.registrations().holdings().size() == 0);
}

TEST_CASE("a registration's session key speaks for the L2 from anywhere and nothing else removes",
          "[broker][holdings]") {
  Rig rig;
  const ConnId home = rig.register_l2("home", "?v=2");
  const std::string key = rig.session_of(home);
  CHECK(key.size() == 32);
  CHECK(key.find_first_not_of("0123456789abcdef") == std::string::npos);
  rig.announce("home", cid_number(1));
  const Holdings& holdings = rig.broker.registrations().holdings();
  const auto says = [&](const std::string& address, const std::string& verb,
                        const std::string& session) {
    return rig.announce("home", cid_number(1), address, verb, session);
  };
  SECTION("without it nothing is removed, be it at the registered address") {
    const std::string reply = says("192.0.2.1", "remove", "");
    CHECK(reply.find(" 403 ") != std::string::npos);
    CHECK(reply.find("session_needed") != std::string::npos);
    CHECK(holdings.size() == 1);
  }
  SECTION("a wrong one is refused at any address") {
    std::string other = key;
    other[31] = other[31] == '0' ? '1' : '0';
    const std::string wrong =
        GENERATE_COPY(as<std::string>{}, other, "x", key.substr(1), key + "0");
    CHECK(says("192.0.2.1", "add", wrong).find("wrong_session") != std::string::npos);
    CHECK(says("192.0.2.1", "remove", wrong).find(" 403 ") != std::string::npos);
    CHECK(holdings.size() == 1);
  }
  SECTION("with it any address adds and removes") {
    CHECK(rig.announce("home", cid_number(2), "2001:db8::1", "add", key).find(" 200 ") !=
          std::string::npos);
    CHECK(holdings.size() == 2);
    CHECK(says("2001:db8::1", "remove", key).find("\"removed\":1") != std::string::npos);
    CHECK(holdings.size() == 1);
  }
  SECTION("each registration has its own") {
    const ConnId again = rig.register_l2("home", "?v=2");
    CHECK(rig.session_of(again) != key);
    CHECK(says("192.0.2.1", "add", key).find("wrong_session") != std::string::npos);
  }
  SECTION("what a replaced registration was still saying is not taken") {
    const ConnId conn = rig.connect();
    const std::string body = "{\"add\":[\"" + cid_number(3).text() + "\"]}\n";
    rig.send(conn, "POST /holdings/home HTTP/1.1\r\nHost: l1\r\nContent-Length: " +
                       std::to_string(body.size()) + "\r\n\r\n" + body.substr(0, 9));
    rig.register_l2("home", "?v=2");
    rig.send(conn, body.substr(9));
    CHECK(holdings.size() == 0);
  }
}

TEST_CASE("an announcement that waits for leave gets it", "[broker][holdings]") {
  Rig rig;
  rig.register_l2("home", "?v=2");
  const ConnId conn = rig.connect();
  rig.send(conn,
           "POST /holdings/home HTTP/1.1\r\nHost: l1\r\nExpect: 100-continue\r\n"
           "Transfer-Encoding: chunked\r\n\r\n");
  CHECK(rig.conns[conn].out == "HTTP/1.1 100 Continue\r\n\r\n");
  rig.send(conn, "0\r\n\r\n");
  CHECK(rig.status(conn) == 200);
  CHECK_FALSE(rig.conns[conn].is_shut);
}

TEST_CASE("of all not-founds only the lack of the root strikes a holding", "[broker][holdings]") {
  const Cid d = cid_number(1);
  const CarRequest whole{.root = d};
  const CarRequest below{.root = d, .path = {"a"}, .scope = DagScope::kBlock};
  const CarRequest entity{.root = d, .scope = DagScope::kEntity};
  const CarRequest block{.root = d, .scope = DagScope::kBlock};
  const CarRequest raw{.root = d, .scope = DagScope::kBlock, .format = AnswerFormat::kRaw};
  struct Case {
    CarRequest request;
    std::string says;
    bool strikes;
    std::string query = "?v=2";
  };
  const std::vector<Case> cases{
      {whole, "root", true},
      {below, "root", true},
      {raw, "root", true},
      {whole, "block", false},
      {below, "block", false},
      {block, "block", false},
      // An unspecified not-found means the root where only the root was asked for.
      {whole, "1", false},
      {below, "1", false},
      {entity, "1", false},
      {block, "1", true},
      {raw, "1", true},
      {whole, "a-word-of-later", false},
      {raw, "a-word-of-later", true},
      // A legacy L2 is asked for the whole DAG, whatever the client wants.
      {raw, "1", false, ""},
      {raw, "root", true, ""},
  };
  for (const Case& is : cases) {
    CAPTURE(is.says, is.query, is.request.path.size(), static_cast<int>(is.request.scope));
    Rig rig;
    const ConnId home = rig.register_l2("home", is.query);
    const WorkerId worker = rig.connect_worker();
    rig.announce("home", d);
    rig.tell(
        worker,
        ipc::Fetch{.fetch_id = 1, .request = is.request, .trace_id = "t", .deadline_ms = 1'000});
    CHECK(rig.status(rig.post_not_found(home, d, is.says)) == 200);
    CHECK(rig.failure(worker, 1) == Outcome::kNotFound);
    CHECK(rig.broker.registrations().holdings().size() == (is.strikes ? 0 : 1));
  }
}

TEST_CASE("an empty delivery strikes no holding and wrong bytes do", "[broker][holdings]") {
  const bool lies = GENERATE(false, true);
  Rig rig;
  const ConnId home = rig.register_l2("home");
  const WorkerId worker = rig.connect_worker();
  rig.announce("home", cid_number(1));
  rig.fetch(worker, 1, cid_number(1));
  rig.post(home, cid_number(1), "", "");
  rig.end_attempt(worker, rig.inbox<ipc::Handoff>(worker)[0],
                  lies ? Outcome::kLied : Outcome::kNotFound, true);
  CHECK(rig.failure(worker, 1) == (lies ? Outcome::kL2sFailed : Outcome::kNotFound));
  CHECK(rig.broker.registrations().holdings().size() == (lies ? 0 : 1));
}

TEST_CASE("a holder of part of a DAG is still asked first after it could not give all of it",
          "[broker][holdings]") {
  const std::string says = GENERATE("1", "block");
  Rig rig;
  for (int i = 0; i < 40; ++i) rig.register_l2("other-" + std::to_string(i), "?v=2");
  const ConnId home = rig.register_l2("home", "?v=2");
  const WorkerId worker = rig.connect_worker();
  const Cid d = cid_number(1);
  rig.announce("home", d);
  rig.fetch(worker, 1, d);
  rig.post_not_found(home, d, says);
  rig.tell(worker, ipc::CancelFetch{1});
  rig.tell(worker, ipc::Fetch{.fetch_id = 2,
                              .request = {.root = d, .path = {"a"}},
                              .trace_id = "second",
                              .deadline_ms = 1'000});
  REQUIRE(rig.orders(home).size() == 2);
  CHECK(Rig::field(rig.orders(home)[1], "traceId") == "second");
}

TEST_CASE("where a root has all its holders, strangers make way fairly", "[broker][holdings]") {
  Holdings holdings;
  for (uint64_t n = 1; n <= limits::kHoldersPerRootMax; ++n) {
    holdings.add(l2_number(n, Network{n <= 60 ? 1U : n}), 5);
  }
  const auto all_may_go = [](L2No) { return true; };
  const auto make_way = [&](const L2& newcomer, const std::function<bool(L2No)>& may_go) {
    return holdings.make_way(newcomer, 5, may_go);
  };
  SECTION("one of the network that has most goes, the last one first") {
    CHECK(make_way(l2_number(100, Network{100}), all_may_go) == L2No{60});
    CHECK(holdings.add(l2_number(100, Network{100}), 5) == Holdings::Added::kNew);
  }
  SECTION("nobody of the newcomer's own network goes") {
    CHECK_FALSE(make_way(l2_number(100, Network{1}), all_may_go));
  }
  SECTION("nobody goes for another one of a network that has as many") {
    const auto only_lone = [](L2No no) { return no > L2No{60}; };
    CHECK_FALSE(make_way(l2_number(100, Network{100}), only_lone));
  }
  SECTION("a newcomer that is no stranger takes the place of any stranger") {
    const auto only_first = [](L2No no) { return no == L2No{1}; };
    CHECK(make_way(l2_number(100, Network{1}), only_first) == L2No{1});
  }
  SECTION("nobody goes where nobody has to") {
    holdings.remove(L2No{7}, 5);
    CHECK_FALSE(make_way(l2_number(100, Network{100}), all_may_go));
    CHECK_FALSE(make_way(l2_number(1, Network{1}), all_may_go));
  }
}

}  // namespace daphnis::broker
