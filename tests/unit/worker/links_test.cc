// Tests of what the broker is told of the links of proven blocks.

#include "common/ipld/multihash_key.h"
#include "tests/unit/worker/rig.h"

namespace daphnis::worker::test {
namespace {

/// A client that asks for the list of leaves, in one way or another, and the question for it.
struct Asking : Rig {
  explicit Asking(std::string_view how, std::string_view method = "GET") : client(connect()) {
    start_broker();
    send(client, std::string(method) + " /ipfs/" + car.root.text() + std::string(how) +
                     " HTTP/1.1\r\nHost: edge\r\n\r\n");
    fetch = only<ipc::Fetch>();
  }
  /// The CAR up to the end of the list, without the leaves.
  [[nodiscard]] Bytes list() const { return Bytes(car.bytes).first(car.section_ends[0]); }

  SampleCar car{1'000, 1};
  Peer& client;
  ipc::Fetch fetch;
};

}  // namespace

TEST_CASE("the broker has a block's links before its client has a byte of it", "[worker][links]") {
  const auto how = GENERATE("?format=raw", "?format=car&dag-scope=block");
  CAPTURE(how);
  Asking rig(how);
  Peer& l2 = rig.hand_off(rig.fetch, post_head("Transfer-Encoding: chunked\r\n"));
  rig.send(l2, chunk(rig.list()));
  const auto links = rig.only<ipc::Links>();
  CHECK(links.attempt_id[0] == 1);
  CHECK(links.keys.size() == 3);
  CHECK(links.keys[1] == links.keys[2]);
  CHECK(rig.received_at_once == 0);
  CHECK_FALSE(rig.client.received.empty());
  CHECK(rig.sent<ipc::AttemptEnded>().empty());
  rig.send(l2, "0\r\n\r\n");
  CHECK(rig.only<ipc::AttemptEnded>().outcome == Outcome::kComplete);
  CHECK(rig.sent<ipc::Links>().empty());
}

TEST_CASE("the links come from a whole DAG and for a HEAD as well", "[worker][links]") {
  Asking whole("?format=raw");
  whole.hand_off(whole.fetch, post_with_length(whole.car.bytes), StreamShape::kWholeDag);
  CHECK(whole.only<ipc::Links>().keys.size() == 3);
  Asking head("?format=car", "HEAD");
  head.hand_off(head.fetch, post_with_length(head.list()));
  CHECK(head.only<ipc::Links>().keys.size() == 3);
}

TEST_CASE("no links are told of what is fetched with all that is below it", "[worker][links]") {
  Asking rig("?format=car");
  rig.hand_off(rig.fetch, post_with_length(rig.car.bytes));
  CHECK(rig.only<ipc::AttemptEnded>().outcome == Outcome::kComplete);
  CHECK(rig.sent<ipc::Links>().empty());
}

TEST_CASE("no links are told of a block that was not proven", "[worker][links]") {
  Asking rig("?format=raw");
  ByteVector lie(rig.list().begin(), rig.list().end());
  lie.back() ^= 1;
  rig.hand_off(rig.fetch, post_with_length(lie));
  CHECK(rig.only<ipc::AttemptEnded>().outcome == Outcome::kLied);
  CHECK(rig.sent<ipc::Links>().empty());
}

TEST_CASE("a broker that did not give the attempt is not told its links", "[worker][links]") {
  Asking rig("?format=raw");
  Peer& l2 = rig.hand_off(rig.fetch, post_head("Transfer-Encoding: chunked\r\n"));
  rig.stop_broker();
  rig.start_broker();
  rig.send(l2, chunk(rig.list()) + "0\r\n\r\n");
  CHECK_FALSE(rig.client.received.empty());
  CHECK(rig.sent<ipc::Links>().empty());
}

}  // namespace daphnis::worker::test
