#include "common/ipc/ipc_codec.h"

#include <catch2/catch.hpp>

#include "common/request/skip.h"

namespace daphnis::ipc {
namespace {

CarRequest some_request() {
  CarRequest request;
  request.path = {"a", "b c"};
  request.scope = DagScope::kEntity;
  request.bytes = ByteRange{-5, 7};
  request.dups = true;
  return request;
}

Fetch some_fetch() {
  Fetch fetch;
  fetch.fetch_id = 0x0102030405060708;
  fetch.request = some_request();
  fetch.key.fill(9);
  fetch.trace_id = "trace-1";
  fetch.deadline_ms = 30'000;
  return fetch;
}

Handoff some_handoff() {
  Handoff handoff;
  handoff.fetch_id = 3;
  handoff.attempt_id.fill(0xab);
  handoff.cookie = 77;
  handoff.shape = StreamShape::kWholeDag;
  handoff.attempt_number = 2;
  handoff.l2_id = "home";
  handoff.received = {'P', 'O', 'S', 'T'};
  return handoff;
}

/// A codec whose Welcome has come.
Codec codec() {
  return Codec(kVersion);
}

Bytes payload_of(const std::vector<uint8_t>& frame) {
  return Bytes(frame).subspan(kFrameHeadBytes);
}

}  // namespace

TEST_CASE("a message comes out of the codec as it went in") {
  const auto fetch =
      codec().decode_worker_to_broker(payload_of(codec().encode(some_fetch(), Carries::kNothing)));
  REQUIRE(fetch);
  REQUIRE(std::holds_alternative<Fetch>(*fetch));
  const auto& f = std::get<Fetch>(*fetch);
  CHECK(f.fetch_id == 0x0102030405060708);
  CHECK(f.request == some_request());
  CHECK(f.key == some_fetch().key);
  CHECK(f.trace_id == "trace-1");
  CHECK(f.deadline_ms == 30'000);

  const auto handoff = codec().decode_broker_to_worker(
      payload_of(codec().encode(some_handoff(), Carries::kDescriptor)));
  REQUIRE(handoff);
  REQUIRE(std::holds_alternative<Handoff>(*handoff));
  const auto& h = std::get<Handoff>(*handoff);
  CHECK(h.attempt_id == some_handoff().attempt_id);
  CHECK(h.cookie == 77);
  CHECK(h.shape == StreamShape::kWholeDag);
  CHECK(h.l2_id == "home");
  CHECK(h.received == some_handoff().received);
}

TEST_CASE("lists of keys and of counted keys come out of the codec as they went in") {
  CacheHits hits;
  hits.hits.push_back({.key = {}, .hits = 7});
  hits.hits.back().key.fill(1);
  hits.hits.push_back({.key = {}, .hits = 1});
  const auto decoded =
      codec().decode_worker_to_broker(payload_of(codec().encode(hits, Carries::kNothing)));
  REQUIRE(decoded);
  CHECK(std::get<CacheHits>(*decoded).hits == hits.hits);

  const Unlink unlink{
      .deferred_free = 4, .keys = {RequestKey{5}, RequestKey{6}}, .paths = {"/a", ""}};
  const auto told =
      codec().decode_broker_to_worker(payload_of(codec().encode(unlink, Carries::kNothing)));
  REQUIRE(told);
  CHECK(std::get<Unlink>(*told).keys == unlink.keys);
  CHECK(std::get<Unlink>(*told).paths == unlink.paths);
}

TEST_CASE("a list whose count is more than the message holds is malformed") {
  const auto frame = codec().encode(CacheHits{}, Carries::kNothing);
  std::vector<uint8_t> payload(payload_of(frame).begin(), payload_of(frame).end());
  std::fill(payload.end() - 4, payload.end(), uint8_t{0xff});
  CHECK_FALSE(codec().decode_worker_to_broker(payload));
}

TEST_CASE("a message cut short or with bytes left over is malformed") {
  const auto frame = codec().encode(some_fetch(), Carries::kNothing);
  const Bytes payload = payload_of(frame);
  for (size_t size = 0; size < payload.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(codec().decode_worker_to_broker(payload.first(size)));
  }
  std::vector<uint8_t> longer(payload.begin(), payload.end());
  longer.push_back(0);
  CHECK_FALSE(codec().decode_worker_to_broker(longer));
}

TEST_CASE("an unknown type or a value out of its range is malformed") {
  const std::vector<uint8_t> unknown = {200};
  CHECK_FALSE(codec().decode_worker_to_broker(unknown));
  CHECK_FALSE(codec().decode_broker_to_worker(unknown));

  auto frame = codec().encode(FetchFailed{.fetch_id = 1}, Carries::kNothing);
  const size_t reason_at = kFrameHeadBytes + 1 + 8;
  frame[reason_at] = static_cast<uint8_t>(kFetchOutcomes.size());
  CHECK_FALSE(codec().decode_broker_to_worker(payload_of(frame)));
}

TEST_CASE("each outcome of a message's list comes out of the codec as it went in") {
  for (size_t i = 0; i < kAttemptOutcomes.size(); ++i) {
    const AttemptEnded ended{.outcome = kAttemptOutcomes[i]};
    const auto frame = codec().encode(ended, Carries::kNothing);
    CHECK(frame[kFrameHeadBytes + 1 + 8 + sizeof(Uuid)] == i);
    const auto told = codec().decode_worker_to_broker(payload_of(frame));
    REQUIRE(told);
    CHECK(std::get<AttemptEnded>(*told).outcome == kAttemptOutcomes[i]);
  }
  for (size_t i = 0; i < kFetchOutcomes.size(); ++i) {
    const FetchFailed failed{.reason = kFetchOutcomes[i]};
    const auto frame = codec().encode(failed, Carries::kNothing);
    CHECK(frame[kFrameHeadBytes + 1 + 8] == i);
    const auto told = codec().decode_broker_to_worker(payload_of(frame));
    REQUIRE(told);
    CHECK(std::get<FetchFailed>(*told).reason == kFetchOutcomes[i]);
  }
}

TEST_CASE("a place in an output without the block due there, or the reverse, is malformed") {
  const std::vector<uint8_t> cid = {1, 0x55, 0, 0};
  const auto decoded = [](Resume resume) {
    const FetchStalled stalled{.fetch_id = 1, .resume = std::move(resume)};
    return codec().decode_worker_to_broker(payload_of(codec().encode(stalled, Carries::kNothing)));
  };
  for (const Resume& sound : {Resume{}, Resume{1, cid}, Resume{kSkipBlocksMax, cid}}) {
    const auto message = decoded(sound);
    REQUIRE(message);
    CHECK(std::get<FetchStalled>(*message).resume == sound);
  }
  for (const Resume& odd : {Resume{0, cid}, Resume{1, {}}, Resume{1, {1, 0x55}},
                            Resume{1, std::vector<uint8_t>(limits::kCidBytesMax + 1)},
                            Resume{kSkipBlocksMax + 1, cid}}) {
    CHECK_FALSE(decoded(odd));
  }
}

TEST_CASE("frames are the same however the bytes are split") {
  std::vector<uint8_t> stream = codec().encode(some_fetch(), Carries::kNothing);
  for (const auto& frame : {codec().encode(some_handoff(), Carries::kDescriptor),
                            codec().encode(BrokerToWorker(Ping{5}), Carries::kNothing)}) {
    stream.insert(stream.end(), frame.begin(), frame.end());
  }
  for (size_t cut = 0; cut <= stream.size(); ++cut) {
    CAPTURE(cut);
    FrameReader reader;
    std::vector<std::pair<size_t, bool>> seen;
    for (const Bytes part : {Bytes(stream).first(cut), Bytes(stream).subspan(cut)}) {
      reader.append(part);
      FrameReader::Frame frame;
      while (reader.next(frame) == FrameReader::Event::kFrame) {
        seen.emplace_back(frame.payload.size(), frame.has_descriptor);
      }
    }
    REQUIRE(seen.size() == 3);
    CHECK_FALSE(seen[0].second);
    CHECK(seen[1].second);
    CHECK(seen[2].first == 9);
    CHECK(reader.is_empty());
  }
}

TEST_CASE("a frame longer than the bound or with unknown flags is malformed") {
  FrameReader::Frame frame;
  FrameReader too_long;
  too_long.append(std::vector<uint8_t>{0xff, 0xff, 0xff, 0x7f, 0});
  CHECK(too_long.next(frame) == FrameReader::Event::kMalformed);
  FrameReader odd_flags;
  odd_flags.append(std::vector<uint8_t>{1, 0, 0, 0, 2, 0});
  CHECK(odd_flags.next(frame) == FrameReader::Event::kMalformed);
}

TEST_CASE("what is said about a block's file travels from version 7 on") {
  const uint16_t version = GENERATE(uint16_t{6}, uint16_t{7});
  CAPTURE(version);
  Codec peers(version);
  Fetch fetch = some_fetch();
  fetch.block_file = BlockFile::kLost;
  fetch.only_cached = true;
  const auto asked =
      peers.decode_worker_to_broker(payload_of(peers.encode(fetch, Carries::kNothing)));
  REQUIRE(asked);
  CHECK(std::get<Fetch>(*asked).block_file == (version < 7 ? BlockFile::kNo : BlockFile::kLost));
  CHECK(std::get<Fetch>(*asked).only_cached == (version >= 7));
  JoinProgress progress{.fetch_id = 4, .state = JoinState::kCached, .bytes = 0, .path = {}};
  progress.file.fill(9);
  const auto told =
      peers.decode_broker_to_worker(payload_of(peers.encode(progress, Carries::kNothing)));
  REQUIRE(told);
  CHECK(std::get<JoinProgress>(*told).file == (version < 7 ? RequestKey{} : progress.file));
}

}  // namespace daphnis::ipc
