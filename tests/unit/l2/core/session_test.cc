#include <catch2/catch.hpp>
#include <string>

#include "l2/core/l1_session.h"
#include "tests/unit/l2/blocks.h"
#include "tests/unit/l2/core/session_rig.h"

using namespace daphnis;
using namespace daphnis::l2;
using daphnis::test::raw_cid;
using Rig = daphnis::test::SessionRig;

TEST_CASE("a v2 session registers with its version and capacity", "[l2][session]") {
  Rig rig;
  rig.registered();
  CHECK(rig.opened == std::vector<std::string>{"/register/home-1?v=2&capacity=2"});
  CHECK(rig.session.is_registered());
}

TEST_CASE("a legacy session registers without parameters and never posts holdings",
          "[l2][session]") {
  Rig rig(Generation::kLegacy);
  rig.session.on_holdings(make_holdings({raw_cid("a")}), rig.now);
  rig.registered();
  CHECK(rig.opened == std::vector<std::string>{"/register/home-1"});
  CHECK(rig.posts.empty());
  rig.order(1, R"(,"path":"a","dups":"y","skip":4)");
  REQUIRE(rig.uploads.size() == 1);
  CHECK(rig.uploads[0].order.request == CarRequest{.root = Cid()});
  CHECK(rig.uploads[0].order.skip == 0);
}

TEST_CASE("no more uploads than the capacity run at once", "[l2][session]") {
  Rig rig;
  rig.registered();
  for (int i = 1; i <= 4; ++i) rig.order(i);
  CHECK(rig.uploads.size() == 2);
  rig.done(1);
  CHECK(rig.uploads.size() == 3);
  CHECK(text_of(rig.uploads[2].order.request_id) == Rig::id(3));
  rig.done(2);
  rig.done(3);
  rig.done(4);
  CHECK(rig.uploads.size() == 4);
  CHECK(rig.session.uploads() == 0);
}

TEST_CASE("a queued order whose deadline has passed is never begun", "[l2][session]") {
  Rig rig(Generation::kV2, 1);
  rig.registered();
  rig.order(1);
  rig.order(2, R"(,"deadlineMs":500)");
  rig.order(3, R"(,"deadlineMs":5000)");
  rig.now += 1000;
  rig.done(1);
  REQUIRE(rig.uploads.size() == 2);
  CHECK(text_of(rig.uploads[1].order.request_id) == Rig::id(3));
  CHECK(rig.uploads[1].begin_by_ms == 1'005'000U);
  CHECK(rig.acknowledged == std::vector<std::string>{Rig::id(2)});
  CHECK(rig.session.stats().orders_dropped == 1);
}

TEST_CASE("a cancelled order is acknowledged at once or its upload told to end", "[l2][session]") {
  Rig rig(Generation::kV2, 1);
  rig.registered();
  rig.order(1);
  rig.order(2);
  rig.order(3);
  rig.cancel(2);
  CHECK(rig.acknowledged == std::vector<std::string>{Rig::id(2)});
  CHECK(rig.cancelled.empty());
  rig.cancel(1);
  CHECK(rig.cancelled == std::vector<std::string>{Rig::id(1)});
  rig.done(2);
  CHECK(rig.uploads.size() == 1);  // Its own upload goes on until that is done.
  rig.done(1);
  REQUIRE(rig.uploads.size() == 2);
  CHECK(text_of(rig.uploads[1].order.request_id) == Rig::id(3));
  CHECK(rig.session.stats().cancels == 2);
  CHECK(rig.session.stats().junk_lines == 0);
}

TEST_CASE("a cancel of what is not known here is ignored", "[l2][session]") {
  Rig rig;
  rig.registered();
  rig.order(1);
  rig.done(1);
  rig.cancel(1);
  rig.cancel(2);
  CHECK(rig.acknowledged.empty());
  CHECK(rig.cancelled.empty());
  CHECK(rig.session.stats().cancels == 0);
}

TEST_CASE("a legacy session knows no cancels", "[l2][session]") {
  Rig rig(Generation::kLegacy);
  rig.registered();
  rig.order(1);
  rig.cancel(1);
  CHECK(rig.cancelled.empty());
  CHECK(rig.session.stats().junk_lines == 1);
}

TEST_CASE("a session of v2 keeps an order's data URL, and a legacy one knows none",
          "[l2][session]") {
  const Generation generation = GENERATE(Generation::kV2, Generation::kLegacy);
  Rig rig(generation);
  rig.registered();
  rig.order(1, R"(,"dataUrl":"https://w0.edge.test:8443")");
  REQUIRE(rig.uploads.size() == 1);
  CHECK(rig.uploads[0].order.data_url.has_value() == (generation == Generation::kV2));
}

TEST_CASE("an L1's notice is logged and is no junk", "[l2][session]") {
  Rig rig;
  rig.registered();
  rig.feed("{\"notice\":\"ejected\",\"reason\":\"lied\",\"forMs\":60000}\n");
  CHECK(rig.session.stats().notices == 1);
  CHECK(rig.session.stats().junk_lines == 0);
  REQUIRE_FALSE(rig.logged.empty());
  CHECK(rig.logged.back().starts_with(
      "level=warn event=l1_notice notice=ejected reason=lied for_ms=60000 advice="));
  CHECK(rig.session.is_registered());
}

TEST_CASE("junk lines and ids of uploads under way are counted and ignored", "[l2][session]") {
  Rig rig;
  rig.registered();
  rig.feed("\n\nnot json\n{}\n");
  rig.order(1);
  rig.order(1);
  CHECK(rig.uploads.size() == 1);
  CHECK(rig.session.stats().junk_lines == 3);
  rig.order(2);
  CHECK(rig.uploads.size() == 2);
}

TEST_CASE("an L1 counts as dead after fifteen seconds without a heartbeat", "[l2][session]") {
  Rig rig;
  rig.registered();
  rig.pass(14'999);
  CHECK(rig.session.is_registered());
  rig.feed("\n");
  rig.pass(14'999);
  CHECK(rig.session.is_registered());
  rig.pass(1);
  CHECK_FALSE(rig.session.is_registered());
  CHECK(rig.closed == 1);
  rig.pass(limits::kReconnectFirstMs);
  CHECK(rig.opened.size() == 2);
}

TEST_CASE("a registration that is not answered is given up and tried again", "[l2][session]") {
  Rig rig;
  rig.session.start(rig.now);
  rig.collect();
  rig.pass(limits::kRegistrationReplyMs);
  CHECK(rig.closed == 1);
  rig.pass(limits::kReconnectFirstMs);
  CHECK(rig.opened.size() == 2);
}

TEST_CASE("a refused session waits as long as the refusal asks", "[l2][session]") {
  Rig rig;
  rig.session.start(rig.now);
  rig.collect();
  rig.session.on_registration_head(503, 20'000, rig.now);
  rig.collect();
  CHECK(rig.closed == 1);
  rig.pass(19'999);
  CHECK(rig.opened.size() == 1);
  rig.pass(1);
  CHECK(rig.opened.size() == 2);
}

TEST_CASE("uploads outlive a lost registration and queued orders do not", "[l2][session]") {
  Rig rig(Generation::kV2, 1);
  rig.registered();
  rig.order(1);
  rig.order(2);
  rig.session.on_registration_lost("", rig.now);
  CHECK(rig.session.uploads() == 1);
  rig.done(1);
  CHECK(rig.uploads.size() == 1);
  CHECK(rig.session.stats().losses == 1);
  rig.pass(limits::kReconnectFirstMs);
  rig.session.on_registration_head(200, {}, rig.now);
  rig.order(3);
  CHECK(rig.uploads.size() == 2);
}

TEST_CASE("half a line of a lost registration does not reach the next one", "[l2][session]") {
  Rig rig;
  rig.registered();
  rig.feed(R"({"requestId":")");
  rig.session.on_registration_lost("", rig.now);
  rig.pass(limits::kReconnectFirstMs);
  rig.session.on_registration_head(200, {}, rig.now);
  rig.order(1);
  CHECK(rig.uploads.size() == 1);
  CHECK(rig.session.stats().junk_lines == 0);
}

TEST_CASE("holdings are posted after registering and then as they change", "[l2][session]") {
  Rig rig;
  rig.session.on_holdings(make_holdings({raw_cid("a"), raw_cid("b")}), rig.now);
  rig.registered();
  REQUIRE(rig.posts.size() == 1);
  CHECK(rig.posts[0].target == "/holdings/home-1");
  CHECK(rig.posts[0].session_key.empty());
  CHECK(rig.posts[0].body.find(raw_cid("a").text()) != std::string::npos);
  // A change while the post is under way waits for its end.
  rig.session.on_holdings(make_holdings({raw_cid("b"), raw_cid("c")}), rig.now);
  rig.collect();
  CHECK(rig.posts.size() == 1);
  rig.session.on_holdings_reply(200, {}, rig.now);
  rig.collect();
  REQUIRE(rig.posts.size() == 2);
  CHECK(rig.posts[1].body == "{\"remove\":[\"" + raw_cid("a").text() + "\"]}\n{\"add\":[\"" +
                                 raw_cid("c").text() + "\"]}\n");
  rig.session.on_holdings_reply(204, {}, rig.now);
  rig.collect();
  CHECK(rig.posts.size() == 2);
}

TEST_CASE("an L1 is told once in each registration whether the holdings are all there is",
          "[l2][session]") {
  Rig rig;
  const std::string complete = "{\"complete\":true}\n";
  const std::string incomplete = "{\"complete\":false}\n";
  const Holdings one = make_holdings({raw_cid("a")});
  rig.session.on_holdings(one, rig.now, true);
  rig.registered();
  REQUIRE(rig.posts.size() == 1);
  CHECK(rig.posts[0].body.ends_with("]}\n" + complete));
  rig.session.on_holdings_reply(200, {}, rig.now);
  rig.session.on_holdings(make_holdings({raw_cid("a"), raw_cid("b")}), rig.now, true);
  rig.collect();
  REQUIRE(rig.posts.size() == 2);
  CHECK(rig.posts[1].body.find("complete") == std::string::npos);
  rig.session.on_holdings_reply(200, {}, rig.now);
  rig.session.on_holdings(one, rig.now, false);
  rig.collect();
  REQUIRE(rig.posts.size() == 3);
  CHECK(rig.posts[2].body.ends_with("]}\n" + incomplete));
  rig.session.on_holdings_reply(200, {}, rig.now);
  rig.session.on_holdings(make_holdings({}), rig.now, true);
  rig.session.on_registration_lost("", rig.now);
  rig.pass(limits::kReconnectFirstMs);
  rig.session.on_registration_head(200, {}, rig.now);
  rig.collect();
  CHECK(rig.posts.back().body == complete);
}

TEST_CASE("holdings are posted with the session key of the current registration", "[l2][session]") {
  Rig rig;
  rig.session.on_holdings(make_holdings({raw_cid("a")}), rig.now);
  rig.session.start(rig.now);
  rig.session.on_session_key("first");
  rig.session.on_registration_head(200, {}, rig.now);
  rig.collect();
  REQUIRE(rig.posts.size() == 1);
  CHECK(rig.posts[0].session_key == "first");
  rig.session.on_registration_lost("", rig.now);
  rig.pass(limits::kReconnectFirstMs);
  rig.session.on_registration_head(200, {}, rig.now);  // An older L1 gives no session key.
  rig.collect();
  REQUIRE(rig.posts.size() == 2);
  CHECK(rig.posts[1].session_key.empty());
}

TEST_CASE("refused holdings are posted again and all of them after a new registration",
          "[l2][session]") {
  Rig rig;
  rig.session.on_holdings(make_holdings({raw_cid("a")}), rig.now);
  rig.registered();
  rig.session.on_holdings_reply(503, 2'000, rig.now);
  rig.pass(1'999);
  CHECK(rig.posts.size() == 1);
  rig.pass(1);
  REQUIRE(rig.posts.size() == 2);
  CHECK(rig.posts[0].body == rig.posts[1].body);
  rig.session.on_registration_lost("", rig.now);
  rig.collect();
  CHECK(rig.holdings_dropped == 1);
  rig.session.on_holdings_reply(200, {}, rig.now);  // This reply is late and is ignored.
  rig.pass(limits::kReconnectFirstMs);
  rig.session.on_registration_head(200, {}, rig.now);
  rig.collect();
  REQUIRE(rig.posts.size() == 3);
  CHECK(rig.posts[2].body == rig.posts[0].body);
}

TEST_CASE("an L1 without holdings is not asked twice", "[l2][session]") {
  Rig rig;
  rig.session.on_holdings(make_holdings({raw_cid("a")}), rig.now);
  rig.registered();
  rig.session.on_holdings_reply(404, {}, rig.now);
  rig.session.on_holdings(make_holdings({raw_cid("b")}), rig.now);
  rig.pass(5'000);
  CHECK(rig.posts.size() == 1);
}

TEST_CASE("a stopped session closes its registration and asks for nothing more", "[l2][session]") {
  Rig rig;
  rig.registered();
  rig.session.stop();
  rig.collect();
  CHECK(rig.closed == 1);
  CHECK_FALSE(rig.session.wakes_at_ms());
}
