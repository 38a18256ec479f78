#include "broker/admin/admin.h"
#include "tests/unit/broker/rig.h"

namespace daphnis::broker {
namespace {

/// The status and the body of a reply, with a space between them.
std::string ask(Rig& rig, const std::string& method, const std::string& target,
                std::vector<http::Header> headers = {{"Host", "localhost"}}) {
  http::Head head;
  head.method = method;
  head.target = target;
  head.headers = std::move(headers);
  const AdminReply reply = admin_reply(head, "", rig.broker, {}, rig.now_ms);
  rig.carry_out();
  return reply.text.substr(9, 3) + " " + reply.text.substr(reply.text.find("\r\n\r\n") + 4);
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("the operator ejects an L2, which is told, and readmits it", "[broker][admin]") {
  Rig rig;
  const ConnId home = rig.register_l2("home", "?v=2");
  CHECK(has(ask(rig, "GET", "/l2s"), R"("ejected":null,"ejected_ms":0,"probation":0})"));
  CHECK(ask(rig, "POST", "/l2s/home/eject?seconds=90").starts_with(R"(200 {"id":"home",)"));
  CHECK(has(rig.conns[home].out, R"({"notice":"ejected","reason":"operator","forMs":90000})"));
  rig.advance(30'000);
  CHECK(has(ask(rig, "GET", "/l2s"), R"("ejected":"operator","ejected_ms":60000,)"));
  CHECK(has(ask(rig, "GET", "/l2s"), R"("state":"suspect")"));
  CHECK(has(ask(rig, "GET", "/metrics"), "daphnis_l2s_ejected{reason=\"operator\"} 1\n"));
  SECTION("by a word") {
    CHECK(has(ask(rig, "POST", "/l2s/home/readmit"), R"("ejected":null)"));
  }
  SECTION("by time") {
    rig.advance(60'000);
  }
  CHECK(has(ask(rig, "GET", "/l2s"), R"("state":"idle")"));
  CHECK(has(ask(rig, "GET", "/metrics"), "daphnis_l2s_ejected{reason=\"operator\"} 0\n"));
}

TEST_CASE("the operator sets the weight of an L2", "[broker][admin]") {
  Rig rig;
  rig.register_l2("home", "?v=2");
  CHECK(has(ask(rig, "GET", "/l2s"), R"("weight":1,)"));
  CHECK(has(ask(rig, "POST", "/l2s/home/weight?w=0.25"), R"("weight":0.25,)"));
  CHECK(has(ask(rig, "POST", "/l2s/home/weight?w=4"), R"("weight":4,)"));
  for (const char* odd : {"", "?w=", "?w=0.2", "?w=4.01", "?w=-1", "?w=1e0", "?w=nan", "?w=inf",
                          "?w=1x", "?w=0x1", "?v=1"}) {
    INFO(odd);
    CHECK(ask(rig, "POST", std::string("/l2s/home/weight") + odd).starts_with("400 "));
  }
  CHECK(has(ask(rig, "GET", "/l2s"), R"("weight":4,)"));
}

TEST_CASE("commands for L2s that make no sense change nothing", "[broker][admin]") {
  Rig rig;
  rig.register_l2("home", "?v=2");
  for (const char* odd : {"", "?seconds=", "?seconds=0", "?seconds=-1", "?seconds=1.5",
                          "?seconds=2592001", "?seconds=99999999999999999999", "?for=5"}) {
    INFO(odd);
    CHECK(ask(rig, "POST", std::string("/l2s/home/eject") + odd).starts_with("400 "));
  }
  for (const char* unknown : {"/l2s/nobody/readmit", "/l2s/home", "/l2s/home/", "/l2s//eject",
                              "/l2s/home/eject/x", "/l2s/home/other"}) {
    INFO(unknown);
    CHECK(ask(rig, "POST", unknown).starts_with("404 "));
  }
  CHECK(ask(rig, "GET", "/l2s/home/eject?seconds=9").starts_with("404 "));
  CHECK(ask(rig, "PUT", "/l2s/home/eject?seconds=9").starts_with("405 "));
  const std::vector<http::Header> page = {{"Host", "localhost"}, {"Origin", "http://page"}};
  CHECK(ask(rig, "POST", "/l2s/home/eject?seconds=9", page).starts_with("403 "));
  CHECK(ask(rig, "POST", "/l2s/home/readmit", {{"Host", "edge.example"}}).starts_with("403 "));
  CHECK(has(ask(rig, "GET", "/l2s"), R"("ejected":null)"));
}

TEST_CASE("an edge that suspects itself says so, and is unready only where that is asked",
          "[broker][admin]") {
  Rig rig;
  const WorkerId worker = rig.connect_worker();
  std::vector<ConnId> l2s;
  for (uint64_t n = 0; n < 3; ++n) {
    const std::string id = "l2-" + std::to_string(n);
    l2s.push_back(rig.register_l2(id, "?v=2"));
    rig.announce(id, cid_number(n));
  }
  CHECK(has(ask(rig, "GET", "/readyz?require=self"), R"("suspects_itself":false)"));
  uint64_t fetch_id = 0;
  const auto stream = [&](uint64_t n, Outcome outcome) {
    rig.fetch(worker, ++fetch_id, cid_number(n));
    rig.post(l2s[n], cid_number(n));
    const auto handoff = rig.inbox<ipc::Handoff>(worker).back();
    rig.tell(worker, ipc::AttemptEnded{.fetch_id = fetch_id,
                                       .attempt_id = handoff.attempt_id,
                                       .outcome = outcome,
                                       .blocks_proven = 1});
  };
  for (uint64_t n = 0; n < 3; ++n) stream(n, Outcome::kComplete);
  for (uint64_t n = 0; n < 3; ++n) stream(n, Outcome::kLied);
  CHECK(has(ask(rig, "GET", "/readyz"), R"(200 {"ready":true,)"));
  CHECK(has(ask(rig, "GET", "/readyz"), R"("suspects_itself":true})"));
  CHECK(has(ask(rig, "GET", "/readyz?require=self"), R"(503 {"ready":false,)"));
  CHECK(has(ask(rig, "GET", "/metrics"), "daphnis_suspects_itself 1\n"));
  rig.advance(kSelfSuspicionMs);
  CHECK(ask(rig, "GET", "/readyz?require=worker,l2,self").starts_with("200 "));
}

}  // namespace daphnis::broker
