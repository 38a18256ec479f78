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
constexpr size_t kReturnSocketAt = 5;
constexpr size_t kWorkerStatsAt = 6;
constexpr size_t kSpoolDoneAt = 12;
constexpr size_t kCacheFaultAt = 16;
constexpr size_t kHandoffAt = 2;  ///< Among the broker's.
constexpr size_t kListenerGivenAt = 13;
constexpr size_t kJoinProgressAt = 11;

std::vector<uint8_t> payload_of(std::vector<uint8_t> frame) {
  frame.erase(frame.begin(), frame.begin() + kFrameHeadBytes);
  return frame;
}

/// The worker's samples with the fields that only this version has.
std::vector<WorkerToBroker> newest_worker_samples() {
  auto samples = worker_samples();
  auto& fetch = std::get<Fetch>(samples[kFetchAt]);
  fetch.client_network = 19;
  fetch.block_file = BlockFile::kMay;
  fetch.only_cached = true;
  auto& ended = std::get<AttemptEnded>(samples[kAttemptEndedAt]);
  ended.proves_path_missing = true;
  ended.denied_by = {.denylist_id = 37, .rule = 38, .is_legal = true};
  auto& stats = std::get<WorkerStats>(samples[kWorkerStatsAt]);
  stats.shed = stats.directories = 20;
  stats.denied = stats.denied_legally = 23;
  std::get<CacheFault>(samples[kCacheFaultAt]).by = {.denylist_id = 37, .rule = 38};
  std::get<SpoolDone>(samples[kSpoolDoneAt]).denylist_id = 37;
  stats.over_connections = stats.over_requests = stats.over_rate = stats.proxies_refused = 22;
  stats.handshakes_full = stats.handshakes_resumed = stats.handshakes_failed = 23;
  std::get<ReturnSocket>(samples[kReturnSocketAt]).address = "203.0.113.9";
  return samples;
}

/// The same of a broker that speaks that version.
std::vector<BrokerToWorker> newest_broker_samples(uint16_t version) {
  auto samples = broker_samples(version);
  std::get<Welcome>(samples[0]).denylist = {.id = 37, .bytes = 39, .path = "/s/denylist-1-0"};
  std::get<JoinProgress>(samples[kJoinProgressAt]).file.fill(21);
  std::get<Handoff>(samples[kHandoffAt]).address = "203.0.113.9";
  std::get<ListenerGiven>(samples[kListenerGivenAt]).address = "tls:192.0.2.1:443";
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
  const auto samples = newest_broker_samples(kVersionMin);
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
  const WorkerToBroker fetch = newest_worker_samples()[kFetchAt];
  const std::vector<uint8_t> hello =
      payload_of(worker.encode(WorkerToBroker(Hello{}), Carries::kNothing));
  REQUIRE(broker.decode_worker_to_broker(hello));
  const auto version = static_cast<uint16_t>(GENERATE(range(int{kVersionMin}, kVersion + 1)));
  CAPTURE(version);
  const auto welcome =
      payload_of(broker.encode(BrokerToWorker(Welcome{.version = version}), Carries::kNothing));
  REQUIRE(worker.decode_broker_to_worker(welcome));
  const auto payload = payload_of(Codec(kVersion).encode(links, Carries::kNothing));
  const bool travels = version >= 7;
  CHECK(worker.has(links) == travels);
  CHECK(broker.decode_worker_to_broker(payload).has_value() == travels);
  const auto received =
      broker.decode_worker_to_broker(payload_of(worker.encode(fetch, Carries::kNothing)));
  REQUIRE(received);
  CHECK(std::get<Fetch>(*received).client_network == (travels ? 19 : 0));
  CHECK(std::get<Fetch>(*received).deadline_ms == 30'000);
}

TEST_CASE("a field that the connection's version does not have is malformed", "[ipc]") {
  const auto newest =
      payload_of(Codec(kVersion).encode(newest_worker_samples()[kFetchAt], Carries::kNothing));
  CHECK_FALSE(Codec(kVersionMin).decode_worker_to_broker(newest));
  CHECK_FALSE(Codec(kVersion).decode_worker_to_broker(from_hex(kWorkerGolden6[kFetchAt])));
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

TEST_CASE("a path that is proven to be missing is content not found for the version before",
          "[ipc]") {
  const BrokerToWorker failed = FetchFailed{.reason = Outcome::kPathNotFound};
  const auto reason_in = [&](uint16_t version) {
    Codec codec(version);
    const auto received =
        codec.decode_broker_to_worker(payload_of(codec.encode(failed, Carries::kNothing)));
    REQUIRE(received);
    return std::get<FetchFailed>(*received).reason;
  };
  CHECK(reason_in(6) == Outcome::kNotFound);
  CHECK(reason_in(7) == Outcome::kPathNotFound);
  const auto odd = payload_of(Codec(7).encode(failed, Carries::kNothing));
  CHECK_FALSE(Codec(6).decode_broker_to_worker(odd));
}

}  // namespace daphnis::ipc::test
