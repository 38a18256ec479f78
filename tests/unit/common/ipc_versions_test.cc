#include <catch2/catch.hpp>

#include "common/ipc/ipc_codec.h"
#include "tests/unit/common/hex.h"
#include "tests/unit/common/ipc_golden.h"
#include "tests/unit/common/ipc_samples.h"

namespace daphnis::ipc::test {
namespace {

using daphnis::test::from_hex;
using daphnis::test::to_hex;

constexpr size_t kFetchAt = 1;  ///< Its place among the samples.
constexpr size_t kAttemptEndedAt = 4;
const Resume kResume{.skip = 33, .next = {1, 0x55, 0, 0}};
constexpr uint64_t kUsedBytes = 34;

std::vector<uint8_t> payload_of(std::vector<uint8_t> frame) {
  frame.erase(frame.begin(), frame.begin() + kFrameHeadBytes);
  return frame;
}

/// The worker's samples with the fields that only this version has.
std::vector<WorkerToBroker> newest_worker_samples() {
  auto samples = worker_samples();
  std::get<Fetch>(samples[kFetchAt]).resume = kResume;
  auto& ended = std::get<AttemptEnded>(samples[kAttemptEndedAt]);
  ended.resume = kResume;
  ended.used_bytes = kUsedBytes;
  return samples;
}

}  // namespace

TEST_CASE("a worker's messages have in the version before the bytes that they had", "[ipc]") {
  const Codec codec(kVersionMin);
  const auto samples = newest_worker_samples();
  REQUIRE(samples.size() == std::variant_size_v<WorkerToBroker>);
  for (size_t i = 0; i < samples.size(); ++i) {
    CAPTURE(i);
    CHECK(samples[i].index() == i);
    const bool is_there = codec.has(samples[i]);
    CHECK(is_there == i < kWorkerGolden4.size());
    if (!is_there) continue;
    CHECK(to_hex(payload_of(codec.encode(samples[i], Carries::kNothing))) == kWorkerGolden4[i]);
  }
}

TEST_CASE("a worker of the version before is understood", "[ipc]") {
  const Codec codec(kVersionMin);
  const auto samples = worker_samples();
  for (size_t i = 0; i < kWorkerGolden4.size(); ++i) {
    CAPTURE(i);
    const auto message = codec.decode_worker_to_broker(from_hex(kWorkerGolden4[i]));
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
    CHECK(to_hex(payload_of(codec.encode(samples[i], Carries::kNothing))) == kBrokerGolden4[i]);
  }
}

TEST_CASE("a broker of the version before is understood", "[ipc]") {
  Codec codec;
  const auto samples = broker_samples(kVersionMin);
  for (size_t i = 0; i < samples.size(); ++i) {
    CAPTURE(i);
    const auto message = codec.decode_broker_to_worker(from_hex(kBrokerGolden4[i]));
    REQUIRE(message);
    CHECK(Codec(kVersion).encode(*message, Carries::kNothing) ==
          Codec(kVersion).encode(samples[i], Carries::kNothing));
  }
}

TEST_CASE("each end uses the version of the Welcome from that message on", "[ipc]") {
  Codec broker;
  Codec worker;
  const WorkerToBroker ended = newest_worker_samples()[kAttemptEndedAt];
  const std::vector<uint8_t> hello =
      payload_of(worker.encode(WorkerToBroker(Hello{}), Carries::kNothing));
  REQUIRE(broker.decode_worker_to_broker(hello));
  const uint16_t version = GENERATE(kVersionMin, kVersion);
  CAPTURE(version);
  const auto welcome =
      payload_of(broker.encode(BrokerToWorker(Welcome{.version = version}), Carries::kNothing));
  REQUIRE(worker.decode_broker_to_worker(welcome));
  const auto payload = payload_of(worker.encode(ended, Carries::kNothing));
  const auto received = broker.decode_worker_to_broker(payload);
  REQUIRE(received);
  const bool travels = version >= 5;
  CHECK(std::get<AttemptEnded>(*received).resume == (travels ? kResume : Resume{}));
  CHECK(std::get<AttemptEnded>(*received).used_bytes == (travels ? kUsedBytes : 0));
  CHECK(std::get<AttemptEnded>(*received).duration_ms == 13);
}

TEST_CASE("a field that the connection's version does not have is malformed", "[ipc]") {
  const auto newest = payload_of(
      Codec(kVersion).encode(newest_worker_samples()[kAttemptEndedAt], Carries::kNothing));
  CHECK_FALSE(Codec(kVersionMin).decode_worker_to_broker(newest));
  CHECK_FALSE(Codec(kVersion).decode_worker_to_broker(from_hex(kWorkerGolden4[kAttemptEndedAt])));
}

TEST_CASE("a message that the connection's version does not have is malformed", "[ipc]") {
  const WorkerToBroker stalled = FetchStalled{.fetch_id = 4, .resume = kResume};
  CHECK(Codec(5).has(stalled));
  CHECK_FALSE(Codec(4).has(stalled));
  const auto payload = payload_of(Codec(5).encode(stalled, Carries::kNothing));
  CHECK(Codec(5).decode_worker_to_broker(payload));
  CHECK_FALSE(Codec(4).decode_worker_to_broker(payload));
}

TEST_CASE("an attempt that was overtaken is a cancelled one for the version before", "[ipc]") {
  const WorkerToBroker ended = AttemptEnded{.outcome = Outcome::kOvertaken};
  const auto outcome_in = [&](uint16_t version) {
    const Codec codec(version);
    const auto received =
        codec.decode_worker_to_broker(payload_of(codec.encode(ended, Carries::kNothing)));
    REQUIRE(received);
    return std::get<AttemptEnded>(*received).outcome;
  };
  CHECK(outcome_in(4) == Outcome::kCancelled);
  CHECK(outcome_in(5) == Outcome::kOvertaken);
  std::vector<uint8_t> odd = from_hex(kWorkerGolden4[kAttemptEndedAt]);
  constexpr size_t kOutcomeAt = 1 + 8 + 16;
  odd[kOutcomeAt] = static_cast<uint8_t>(Outcome::kOvertaken);
  CHECK_FALSE(Codec(4).decode_worker_to_broker(odd));
}

}  // namespace daphnis::ipc::test
