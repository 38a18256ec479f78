// Tests of direct deliveries, which L2s send to a worker itself, and of which it tells the broker.

#include "tests/unit/broker/rig.h"

namespace daphnis::broker {
namespace {

const Cid kRoot = cid_number(42);

/// A worker with a name of its own, and an L2 that has an order of its fetch.
struct Direct : Rig {
  explicit Direct(const std::string& query = "?v=2") : Direct(Settings{}, query) {}
  Direct(Settings settings, const std::string& query) : Rig(std::move(settings)) {
    broker.set_data_name("edge.example", 8443);
    worker = connect_worker(3);
    tell(worker, ipc::DirectReady{.has_certificates = true});
    over_tls = true;
    registration = register_l2("home", query);
    fetch(worker, 1, kRoot);
  }
  [[nodiscard]] std::string data_url() const {
    return field(orders(registration).back(), "dataUrl");
  }
  void deliver(ipc::DirectSays says) {
    tell(worker, ipc::DirectDelivery{.attempt_id = id(), .says = says});
  }
  /// The worker reports the end of the direct stream.
  void end(Outcome outcome, bool wants_another = false) {
    tell(
        worker,
        ipc::AttemptEnded{
            .fetch_id = 1, .attempt_id = id(), .outcome = outcome, .wants_another = wants_another});
  }
  [[nodiscard]] Uuid id() const { return *parse_uuid(last_id(registration)); }
  [[nodiscard]] std::optional<WorkerId> taker() const {
    const std::string url = data_url();
    return broker.data_addresses().taker_of(url.substr(8, url.rfind(':') - 8));
  }
  [[nodiscard]] const Counters& counters() const { return broker.counters(); }

  WorkerId worker{};
  ConnId registration{};
};

}  // namespace

TEST_CASE("an order of a v2 L2 names the worker, which hears of the attempt first",
          "[broker][direct]") {
  Direct rig;
  const std::string url = rig.data_url();
  CAPTURE(url);
  CHECK(url.starts_with("https://w3-"));
  CHECK(url.ends_with(".edge.example:8443"));
  CHECK(url.size() == std::string("https://w3-01234567.edge.example:8443").size());
  const auto out = rig.inbox<ipc::AttemptOut>(rig.worker);
  REQUIRE(out.size() == 1);
  CHECK(out[0].attempt_id == rig.id());
  CHECK(out[0].fetch_id == 1);
  CHECK(out[0].l2_id == "home");
  CHECK(out[0].shape == StreamShape::kExact);
  CHECK(out[0].attempt_number == 1);
  CHECK(rig.taker() == rig.worker);
}

TEST_CASE("orders name a worker only where it and its L2 can do with that", "[broker][direct]") {
  SECTION("a legacy L2 is told of no worker") {
    Direct rig("");
    CHECK(rig.data_url().empty());
    CHECK(rig.inbox<ipc::AttemptOut>(rig.worker).empty());
  }
  SECTION("nor is one whose line is plain text") {
    Direct rig;
    rig.over_tls = false;
    const ConnId plain = rig.register_l2("plain", "?v=2", "192.0.2.9");
    rig.announce("plain", cid_number(43), "192.0.2.9");
    rig.fetch(rig.worker, 2, cid_number(43));
    REQUIRE(rig.orders(plain).size() == 1);
    CHECK(Rig::field(rig.orders(plain).back(), "dataUrl").empty());
  }
  Rig rig;
  rig.over_tls = true;
  SECTION("nor is any where the operator has given no name") {}
  SECTION("nor where the worker has no certificates") {
    rig.broker.set_data_name("edge.example", 443);
  }
  const WorkerId worker = rig.connect_worker();
  const ConnId registration = rig.register_l2("home", "?v=2");
  rig.fetch(worker, 1, kRoot);
  CHECK(Rig::field(rig.orders(registration).back(), "dataUrl").empty());
  CHECK(rig.inbox<ipc::AttemptOut>(worker).empty());
}

TEST_CASE("an L2 with a certificate is told of a worker that asks for one", "[broker][direct]") {
  Rig rig;
  rig.broker.set_auth(L2Auth::by_certificate(), rig.now_ms);
  rig.broker.set_data_name("edge.example", 8443);
  const bool asks = GENERATE(false, true);
  CAPTURE(asks);
  const WorkerId worker = rig.connect_worker(3);
  rig.tell(worker, ipc::DirectReady{.has_certificates = true, .asks_certificates = asks});
  rig.over_tls = true;
  rig.certified_id = "home";
  const ConnId registration = rig.register_l2("home", "?v=2");
  rig.fetch(worker, 1, kRoot);
  CHECK(Rig::field(rig.orders(registration).back(), "dataUrl").empty() == !asks);
  const auto out = rig.inbox<ipc::AttemptOut>(worker);
  REQUIRE(out.size() == (asks ? 1 : 0));
  if (!asks) return;
  CHECK(out[0].needs_certificate);
  rig.tell(worker, ipc::DirectDelivery{out[0].attempt_id, ipc::DirectSays::kIsOther});
  CHECK(rig.broker.counters().deliveries_of_others == 1);
  // The attempt goes on.
  rig.tell(worker, ipc::DirectDelivery{out[0].attempt_id, ipc::DirectSays::kCar});
  CHECK(rig.broker.counters().deliveries_direct == 1);
}

TEST_CASE("a worker that asks about an attempt is answered behind all else", "[broker][direct]") {
  Direct rig;
  const auto ask = [&](const Uuid& id) { rig.tell(rig.worker, ipc::AttemptQuestion{id}); };
  ask(rig.id());
  CHECK(rig.counters().deliveries_unknown == 0);
  Uuid unknown{};
  unknown.fill(9);
  ask(unknown);
  CHECK(rig.counters().deliveries_unknown == 1);
  const auto answers = rig.inbox<ipc::AttemptAnswer>(rig.worker);
  REQUIRE(answers.size() == 2);
  CHECK(answers[0].attempt_id == rig.id());
  CHECK_FALSE(answers[0].is_elsewhere);
  CHECK(answers[1].attempt_id == unknown);
  CHECK_FALSE(answers[1].is_elsewhere);
}

TEST_CASE("a worker hears that an attempt of another is the broker's business",
          "[broker][direct]") {
  Direct rig;
  const Uuid id = rig.id();
  const WorkerId other = rig.connect_worker(4);
  SECTION("while it is out") {}
  SECTION("once it is over") {
    rig.tell(rig.worker, ipc::CancelFetch{1});
  }
  rig.tell(other, ipc::AttemptQuestion{id});
  const auto answers = rig.inbox<ipc::AttemptAnswer>(other);
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].is_elsewhere);
  CHECK(rig.counters().deliveries_unknown == 0);
}

TEST_CASE("an order names the worker's own port, on the host that its L2 has dialled",
          "[broker][direct]") {
  Rig rig;
  const WorkerId worker = rig.connect_worker(3);
  rig.tell(worker, ipc::DirectReady{.port = 8503, .tls_port = 8603});
  rig.over_tls = GENERATE(false, true);
  const auto url_for = [&](const std::string& l2, const std::string& host, uint64_t fetch) {
    const ConnId home = rig.connect();
    rig.send(home, "GET /register/" + l2 + "?v=2 HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
    rig.announce(l2, cid_number(fetch));
    rig.fetch(worker, fetch, cid_number(fetch));
    REQUIRE(rig.orders(home).size() == 1);
    return Rig::field(rig.orders(home).back(), "dataUrl");
  };
  const std::string scheme = rig.over_tls ? "https://" : "http://";
  const std::string port = rig.over_tls ? ":8603" : ":8503";
  CHECK(url_for("a", "edge.example:8090", 1) == scheme + "edge.example" + port);
  CHECK(url_for("b", "192.0.2.1", 2) == scheme + "192.0.2.1" + port);
  CHECK(url_for("c", "[2001:db8::1]:8090", 3) == scheme + "[2001:db8::1]" + port);
  CHECK(url_for("d", "[2001:db8::1]", 4) == scheme + "[2001:db8::1]" + port);
  CHECK(url_for("e", "", 5).empty());
  CHECK(url_for("f", std::string(256, 'a'), 6).empty());
  const auto out = rig.inbox<ipc::AttemptOut>(worker);
  REQUIRE(out.size() == 4);
  CHECK(out[0].needs_tls == rig.over_tls);
  // From now on it has none.
  rig.tell(worker, ipc::DirectReady{});
  CHECK(url_for("g", "edge.example", 7).empty());
  rig.tell(worker, ipc::DirectReady{.port = 80, .tls_port = 443});
  CHECK(url_for("h", "edge.example:8090", 8) == scheme + "edge.example");
}

TEST_CASE("over TLS a port of the worker's own comes before its name", "[broker][direct]") {
  Direct rig;
  CHECK(rig.data_url().ends_with(".edge.example:8443"));
  const std::string name = rig.data_url();
  const Dialled dialled{.host = "edge.example", .over_tls = true};
  const DataAddresses& addresses = rig.broker.data_addresses();
  rig.tell(rig.worker, ipc::DirectReady{.has_certificates = true, .tls_port = 8603});
  CHECK(addresses.url_of(rig.worker, dialled) == "https://edge.example:8603");
  CHECK(rig.taker() == rig.worker);
  rig.tell(rig.worker, ipc::DirectReady{.has_certificates = true, .port = 8503});
  CHECK(addresses.url_of(rig.worker, dialled) == name);
}

TEST_CASE("what a worker has refused since it came in clear is counted", "[broker][direct]") {
  Direct rig;
  rig.deliver(ipc::DirectSays::kInClear);
  CHECK(rig.counters().deliveries_in_clear == 1);
  rig.deliver(ipc::DirectSays::kCar);
  CHECK(rig.counters().deliveries_direct == 1);
}

TEST_CASE("a worker's name is another with each connection, and ends with it", "[broker][direct]") {
  Direct rig;
  const std::string before = rig.data_url();
  rig.kill_worker(rig.worker);
  CHECK_FALSE(rig.taker());
  rig.worker = rig.connect_worker(3);
  rig.tell(rig.worker, ipc::DirectReady{.has_certificates = true});
  rig.fetch(rig.worker, 1, kRoot);
  CHECK(rig.data_url().starts_with("https://w3-"));
  CHECK(rig.data_url() != before);
  CHECK(rig.taker() == rig.worker);
  SECTION("the usual port is not named") {
    rig.broker.set_data_name("edge.example", 443);
    const WorkerId other = rig.connect_worker(4);
    rig.tell(other, ipc::DirectReady{.has_certificates = true});
    CHECK(rig.broker.data_addresses()
              .url_of(other, {.host = "", .over_tls = true})
              .ends_with(".edge.example"));
  }
}

TEST_CASE("a direct delivery counts as one that was handed off", "[broker][direct]") {
  Direct rig;
  rig.advance(20);
  rig.deliver(ipc::DirectSays::kCar);
  CHECK(rig.counters().deliveries_direct == 1);
  CHECK(rig.counters().handoffs == 0);
  CHECK(rig.counters().first_byte.count() == 1);
  CHECK_FALSE(rig.taker());
  CHECK(rig.broker.workers().all().at(rig.worker).handoffs_awaiting == 0);
  // Its deadline is over, and nobody else is asked.
  const ConnId other = rig.register_l2("other", "?v=2");
  rig.advance(20'000);
  CHECK(rig.orders(other).empty());
  SECTION("served") {
    rig.end(Outcome::kComplete);
    CHECK(rig.counters().fetches_served == 1);
    CHECK(rig.broker.is_quiet());
  }
  SECTION("cut") {
    rig.end(Outcome::kAborted, true);
    CHECK(rig.orders(other).size() == 1);
  }
  CHECK(rig.inbox<ipc::AttemptOver>(rig.worker).empty());
}

TEST_CASE("the id of a direct delivery is answered 409 and 404 by the broker as any other",
          "[broker][direct]") {
  Direct rig;
  rig.deliver(ipc::DirectSays::kCar);
  CHECK(rig.status(rig.post(rig.registration, kRoot)) == 409);
  rig.end(Outcome::kComplete);
  CHECK(rig.status(rig.post(rig.registration, kRoot)) == 409);
  rig.advance(limits::kAttemptRememberedMs);
  CHECK(rig.status(rig.post(rig.registration, kRoot)) == 404);
}

TEST_CASE("a direct not-found goes on to the next L2", "[broker][direct]") {
  Direct rig;
  rig.announce("home", kRoot);
  const ConnId other = rig.register_l2("other", "?v=2");
  SECTION("the root: the holding is struck") {
    rig.deliver(ipc::DirectSays::kLacksRoot);
    CHECK(rig.broker.registrations().holdings().holders(key_of_multihash(kRoot)).empty());
  }
  SECTION("a block: the holding stays") {
    rig.deliver(ipc::DirectSays::kLacksBlock);
    CHECK(rig.broker.registrations().holdings().holders(key_of_multihash(kRoot)).size() == 1);
  }
  CHECK(rig.counters().not_found == 1);
  CHECK(rig.orders(other).size() == 1);
  CHECK(rig.counters().deliveries_direct == 0);
  CHECK(rig.inbox<ipc::AttemptOver>(rig.worker).empty());
}

TEST_CASE("a worker hears where an attempt of which it was told is over", "[broker][direct]") {
  Direct rig;
  const Uuid id = rig.id();
  bool was_delivered = false;
  SECTION("the client has left") {
    rig.tell(rig.worker, ipc::CancelFetch{1});
  }
  SECTION("the L2 was silent") {
    rig.advance(4'000);
  }
  SECTION("the registration is lost") {
    rig.hang_up(rig.registration);
  }
  SECTION("the L2 has said not-found to the broker") {
    rig.post_not_found(rig.registration, kRoot);
    was_delivered = true;
  }
  const auto over = rig.inbox<ipc::AttemptOver>(rig.worker);
  REQUIRE(over.size() == 1);
  CHECK(over[0].attempt_id == id);
  CHECK(over[0].was_delivered == was_delivered);
}

TEST_CASE("a worker hears by the hand-off that an attempt was delivered by the broker",
          "[broker][direct]") {
  Direct rig;
  rig.post(rig.registration, kRoot);
  CHECK(rig.inbox<ipc::Handoff>(rig.worker).size() == 1);
  CHECK(rig.inbox<ipc::AttemptOver>(rig.worker).empty());
  CHECK_FALSE(rig.taker());
  // A direct one that had come before is ended by the worker as its attempt.
  rig.deliver(ipc::DirectSays::kCar);
  CHECK(rig.counters().deliveries_double == 1);
  rig.end(Outcome::kComplete);
  CHECK(rig.broker.workers().all().at(rig.worker).handoffs_awaiting == 0);
  CHECK(rig.broker.is_quiet());
}

TEST_CASE("a late direct delivery frees the place that its order keeps", "[broker][direct]") {
  Direct rig;
  const auto says =
      GENERATE(ipc::DirectSays::kLate, ipc::DirectSays::kAcknowledgesCancel, ipc::DirectSays::kCar);
  rig.tell(rig.worker, ipc::CancelFetch{1});
  const L2* l2 = rig.broker.find_l2("home");
  REQUIRE(l2->places.given_up() == 1);
  rig.deliver(says);
  CHECK(l2->places.given_up() == 0);
  CHECK(rig.counters().deliveries_direct == 0);
}

TEST_CASE("a direct delivery of another worker's attempt is ignored", "[broker][direct]") {
  Direct rig;
  const WorkerId other = rig.connect_worker(4);
  rig.tell(other, ipc::DirectReady{.has_certificates = true});
  rig.tell(other, ipc::DirectDelivery{.attempt_id = rig.id()});
  CHECK(rig.counters().deliveries_direct == 0);
  CHECK(rig.taker() == rig.worker);
}

TEST_CASE("what a worker cannot take directly any more ends its attempt", "[broker][direct]") {
  Direct rig;
  const ConnId other = rig.register_l2("other", "?v=2");
  rig.deliver(ipc::DirectSays::kLate);
  CHECK(rig.orders(other).size() == 1);
}

TEST_CASE("a fetch of a worker that is gone leaves nothing of its direct attempts",
          "[broker][direct]") {
  Direct rig;
  SECTION("ordered") {}
  SECTION("begun") {
    rig.deliver(ipc::DirectSays::kCar);
  }
  rig.kill_worker(rig.worker);
  CHECK(rig.broker.is_quiet());
  CHECK(rig.inbox<ipc::AttemptOver>(rig.worker).empty());
}

}  // namespace daphnis::broker
