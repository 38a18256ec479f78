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
constexpr size_t kWorkerStatsAt = 6;

std::vector<uint8_t> payload_of(std::vector<uint8_t> frame) {
  frame.erase(frame.begin(), frame.begin() + kFrameHeadBytes);
  return frame;
}

/// The worker's samples with the fields that only this version has.
std::vector<WorkerToBroker> newest_worker_samples() {
  auto samples = worker_samples();
  auto& fetch = std::get<Fetch>(samples[kFetchAt]);
  fetch.is_alone = fetch.has_output = fetch.finds_place = true;
  auto& stats = std::get<WorkerStats>(samples[kWorkerStatsAt]);
  stats.loners = 17;
  stats.readers_left = stats.readers_cut = stats.yields = 18;
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
    CHECK(is_there == i < kWorkerGolden5.size());
    if (!is_there) continue;
    CHECK(to_hex(payload_of(codec.encode(samples[i], Carries::kNothing))) == kWorkerGolden5[i]);
  }
}

TEST_CASE("a worker of the version before is understood", "[ipc]") {
  const Codec codec(kVersionMin);
  const auto samples = worker_samples();
  for (size_t i = 0; i < kWorkerGolden5.size(); ++i) {
    CAPTURE(i);
    const auto message = codec.decode_worker_to_broker(from_hex(kWorkerGolden5[i]));
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
    const bool is_there = i < kBrokerGolden5.size();
    CHECK(codec.has(samples[i]) == is_there);
    if (!is_there) continue;
    CHECK(to_hex(payload_of(codec.encode(samples[i], Carries::kNothing))) == kBrokerGolden5[i]);
  }
}

TEST_CASE("a broker of the version before is understood", "[ipc]") {
  Codec codec;
  const auto samples = broker_samples(kVersionMin);
  for (size_t i = 0; i < kBrokerGolden5.size(); ++i) {
    CAPTURE(i);
    const auto message = codec.decode_broker_to_worker(from_hex(kBrokerGolden5[i]));
    REQUIRE(message);
    CHECK(Codec(kVersion).encode(*message, Carries::kNothing) ==
          Codec(kVersion).encode(samples[i], Carries::kNothing));
  }
}

TEST_CASE("each end uses the version of the Welcome from that message on", "[ipc]") {
  Codec broker;
  Codec worker;
  const WorkerToBroker fetch = newest_worker_samples()[kFetchAt];
  const std::vector<uint8_t> hello =
      payload_of(worker.encode(WorkerToBroker(Hello{}), Carries::kNothing));
  REQUIRE(broker.decode_worker_to_broker(hello));
  const uint16_t version = GENERATE(kVersionMin, kVersion);
  CAPTURE(version);
  const auto welcome =
      payload_of(broker.encode(BrokerToWorker(Welcome{.version = version}), Carries::kNothing));
  REQUIRE(worker.decode_broker_to_worker(welcome));
  const auto payload = payload_of(worker.encode(fetch, Carries::kNothing));
  const auto received = broker.decode_worker_to_broker(payload);
  REQUIRE(received);
  const bool travels = version >= 6;
  CHECK(std::get<Fetch>(*received).is_alone == travels);
  CHECK(std::get<Fetch>(*received).has_output == travels);
  CHECK(std::get<Fetch>(*received).finds_place == travels);
  CHECK(std::get<Fetch>(*received).deadline_ms == 30'000);
}

TEST_CASE("a field that the connection's version does not have is malformed", "[ipc]") {
  const auto newest =
      payload_of(Codec(kVersion).encode(newest_worker_samples()[kFetchAt], Carries::kNothing));
  CHECK_FALSE(Codec(kVersionMin).decode_worker_to_broker(newest));
  CHECK_FALSE(Codec(kVersion).decode_worker_to_broker(from_hex(kWorkerGolden5[kFetchAt])));
}

TEST_CASE("a message that the connection's version does not have is malformed", "[ipc]") {
  const BrokerToWorker wanted = PlaceWanted{};
  Codec newest(6);
  Codec before(5);
  CHECK(newest.has(wanted));
  CHECK_FALSE(before.has(wanted));
  const auto payload = payload_of(newest.encode(wanted, Carries::kNothing));
  CHECK(newest.decode_broker_to_worker(payload));
  CHECK_FALSE(before.decode_broker_to_worker(payload));
}

TEST_CASE("an attempt that yielded its place is a cancelled one for the version before", "[ipc]") {
  const WorkerToBroker ended = AttemptEnded{.outcome = Outcome::kYielded};
  const auto outcome_in = [&](uint16_t version) {
    const Codec codec(version);
    const auto received =
        codec.decode_worker_to_broker(payload_of(codec.encode(ended, Carries::kNothing)));
    REQUIRE(received);
    return std::get<AttemptEnded>(*received).outcome;
  };
  CHECK(outcome_in(5) == Outcome::kCancelled);
  CHECK(outcome_in(6) == Outcome::kYielded);
  std::vector<uint8_t> odd = from_hex(kWorkerGolden5[kAttemptEndedAt]);
  constexpr size_t kOutcomeAt = 1 + 8 + 16;
  odd[kOutcomeAt] = static_cast<uint8_t>(place_in(kAttemptOutcomes, Outcome::kYielded));
  CHECK_FALSE(Codec(5).decode_worker_to_broker(odd));
}

}  // namespace daphnis::ipc::test
