#include <catch2/catch.hpp>

#include "common/ipc/ipc_codec.h"
#include "tests/unit/common/hex.h"
#include "tests/unit/common/ipc_golden.h"
#include "tests/unit/common/ipc_samples.h"

namespace daphnis::ipc::test {
namespace {

using daphnis::test::from_hex;
using daphnis::test::to_hex;

std::vector<uint8_t> payload_of(std::vector<uint8_t> frame) {
  frame.erase(frame.begin(), frame.begin() + kFrameHeadBytes);
  return frame;
}

}  // namespace

TEST_CASE("a worker's messages have in the version before the bytes that they had", "[ipc]") {
  const Codec codec(kVersionMin);
  const auto samples = worker_samples();
  REQUIRE(samples.size() == std::variant_size_v<WorkerToBroker>);
  for (size_t i = 0; i < samples.size(); ++i) {
    CAPTURE(i);
    CHECK(samples[i].index() == i);
    const bool is_there = codec.has(samples[i]);
    CHECK(is_there == i < kWorkerGolden6.size());
    if (!is_there) continue;
    CHECK(to_hex(payload_of(codec.encode(samples[i], Carries::kNothing))) == kWorkerGolden6[i]);
  }
}

TEST_CASE("a worker of the version before is understood", "[ipc]") {
  const Codec codec(kVersionMin);
  const auto samples = worker_samples();
  for (size_t i = 0; i < kWorkerGolden6.size(); ++i) {
    CAPTURE(i);
    const auto message = codec.decode_worker_to_broker(from_hex(kWorkerGolden6[i]));
    REQUIRE(message);
    // In the newest version all fields show, those that did not travel with their defaults.
    const Codec newest(kVersion);
    CHECK(newest.encode(*message, Carries::kNothing) ==
          newest.encode(samples[i], Carries::kNothing));
  }
}

TEST_CASE("a broker's messages have in the version before the bytes that they had", "[ipc]") {
  Codec codec;  // The Welcome, which is the first of them, says which version that is.
  const auto samples = broker_samples(kVersionMin);
  REQUIRE(samples.size() == std::variant_size_v<BrokerToWorker>);
  for (size_t i = 0; i < samples.size(); ++i) {
    CAPTURE(i);
    CHECK(samples[i].index() == i);
    const bool is_there = i < kBrokerGolden6.size();
    CHECK(codec.has(samples[i]) == is_there);
    if (!is_there) continue;
    CHECK(to_hex(payload_of(codec.encode(samples[i], Carries::kNothing))) == kBrokerGolden6[i]);
  }
}

TEST_CASE("a broker of the version before is understood", "[ipc]") {
  Codec codec;
  const auto samples = broker_samples(kVersionMin);
  for (size_t i = 0; i < kBrokerGolden6.size(); ++i) {
    CAPTURE(i);
    const auto message = codec.decode_broker_to_worker(from_hex(kBrokerGolden6[i]));
    REQUIRE(message);
    CHECK(Codec(kVersion).encode(*message, Carries::kNothing) ==
          Codec(kVersion).encode(samples[i], Carries::kNothing));
  }
}

TEST_CASE("each end uses the version of the Welcome from that message on", "[ipc]") {
  Codec broker;
  Codec worker;
  const WorkerToBroker links = Links{.keys = {1}};
  const std::vector<uint8_t> hello =
      payload_of(worker.encode(WorkerToBroker(Hello{}), Carries::kNothing));
  REQUIRE(broker.decode_worker_to_broker(hello));
  const uint16_t version = GENERATE(kVersionMin, kVersion);
  CAPTURE(version);
  const auto welcome =
      payload_of(broker.encode(BrokerToWorker(Welcome{.version = version}), Carries::kNothing));
  REQUIRE(worker.decode_broker_to_worker(welcome));
  const auto payload = payload_of(Codec(kVersion).encode(links, Carries::kNothing));
  const bool travels = version >= 7;
  CHECK(worker.has(links) == travels);
  CHECK(broker.decode_worker_to_broker(payload).has_value() == travels);
}

TEST_CASE("a message that the connection's version does not have is malformed", "[ipc]") {
  const WorkerToBroker links = Links{};
  const Codec newest(7);
  const Codec before(6);
  CHECK(newest.has(links));
  CHECK_FALSE(before.has(links));
  const auto payload = payload_of(newest.encode(links, Carries::kNothing));
  CHECK(newest.decode_worker_to_broker(payload));
  CHECK_FALSE(before.decode_worker_to_broker(payload));
}

}  // namespace daphnis::ipc::test
