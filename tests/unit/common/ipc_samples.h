#pragma once

#include <utility>
#include <vector>

#include "common/ipc/ipc_messages.h"

/// One message of each kind, every field with a value of its own.
namespace daphnis::ipc::test {

inline CarRequest sample_request() {
  CarRequest request;
  request.root = *Cid::from_text("bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy");
  request.path = {"a", "b c"};
  request.scope = DagScope::kEntity;
  request.bytes = ByteRange{-5, 7};
  request.dups = true;
  return request;
}

template <class Array>
Array filled(uint8_t byte) {
  Array array;
  array.fill(byte);
  return array;
}

/// In the order of their numbers.
inline std::vector<WorkerToBroker> worker_samples() {
  return {
      Hello{.version_min = 2, .version_max = 3, .index = 5, .pid = 77},
      Fetch{.fetch_id = 0x0102030405060708,
            .request = sample_request(),
            .key = filled<RequestKey>(9),
            .trace_id = "trace-1",
            .deadline_ms = 30'000,
            .must_not_join = true,
            .resume = {.skip = 33, .next = {1, 0x55, 0, 0}},
            .is_alone = true,
            .has_output = true,
            .finds_place = true},
      CancelFetch{.fetch_id = 4},
      HandoffTaken{.attempt_id = filled<Uuid>(0xab)},
      AttemptEnded{.fetch_id = 4,
                   .attempt_id = filled<Uuid>(0xac),
                   .outcome = Outcome::kStalled,
                   .wants_another = true,
                   .blocks_proven = 11,
                   .body_bytes = 12,
                   .duration_ms = 13,
                   .resume = {.skip = 33, .next = {1, 0x55, 0, 0}},
                   .used_bytes = 34},
      ReturnSocket{.cookie = 78, .surplus = {'P', 'O'}},
      WorkerStats{.requests = 1,
                  .status_2xx = 2,
                  .status_3xx = 3,
                  .status_4xx = 4,
                  .status_5xx = 5,
                  .aborted = 6,
                  .client_left = 7,
                  .bytes_out = 8,
                  .verify_failures = 9,
                  .clients = 10,
                  .fetches = 11,
                  .descriptors = 12,
                  .rss_bytes = 13,
                  .joins = 14,
                  .spools = 15,
                  .log_lines_dropped = 16,
                  .loners = 17,
                  .readers_left = 18,
                  .readers_cut = 18,
                  .yields = 18},
      BroadcastDone{.broadcast_id = 6},
      Ping{.sequence = 7},
      Pong{.sequence = 8},
      SpoolReserve{.spool = 20, .bytes = 21, .is_for_cache = true},
      SpoolHeld{.spool = 22, .bytes = 23, .place = SpoolPlace::kSpoolDir, .name = "0-77-1"},
      SpoolDone{.spool = 24,
                .name = "0-77-2",
                .key = filled<RequestKey>(10),
                .root = {1, 0x55, 0, 0},
                .size = 25},
      SpoolGone{.spool = 26, .error = 28},
      FetchProgress{.fetch_id = 4, .state = JoinState::kWhole, .bytes = 27, .path = "/s/0-77-3"},
      CacheHits{.hits = {{.key = filled<RequestKey>(11), .hits = 2},
                         {.key = filled<RequestKey>(12), .hits = 3}}},
      CacheFault{
          .key = filled<RequestKey>(13), .kind = CacheFaultKind::kCorrupt, .detail = "its trailer"},
      Unlinked{.deferred_free = 30},
      Listening{.slot = 5, .cookie = 79, .address = "0.0.0.0:8080"},
      ListenersWanted{.address = "0.0.0.0:8080"},
      ListenerTaken{.listener_id = 31, .is_taken = true},
      Leaving{},
      FetchStalled{.fetch_id = 4, .resume = {.skip = 32, .next = {1, 0x55, 0, 0}}},
      Links{.attempt_id = filled<Uuid>(0xaf), .keys = {35, 36}},
      DirectReady{
          .has_certificates = true, .asks_certificates = true, .port = 8503, .tls_port = 8603},
      DirectDelivery{.attempt_id = filled<Uuid>(0xb0), .says = DirectSays::kLacksBlock},
      AttemptQuestion{.attempt_id = filled<Uuid>(0xb1)},
      DenylistTaken{.denylist_id = 37},
      Denied{.by = {.denylist_id = 37, .rule = 38, .is_legal = true}, .root = {1, 0x55, 0, 0}},
  };
}

/// In the order of their numbers. `version` is that of Welcome.
inline std::vector<BrokerToWorker> broker_samples(uint16_t version) {
  return {
      Welcome{.version = version,
              .node_id = "node-1",
              .cache_dir = "/cache",
              .spool_dir = "/spool",
              .syncs_files = true,
              .filter = "/run/filter"},
      Refused{.reason = "no more workers"},
      Handoff{.fetch_id = 4,
              .attempt_id = filled<Uuid>(0xad),
              .cookie = 80,
              .shape = StreamShape::kWholeDag,
              .attempt_number = 2,
              .l2_id = "home",
              .admission = Admission::kIfSmall,
              .received = {'P', 'O', 'S', 'T'}},
      FetchFailed{.fetch_id = 4, .reason = Outcome::kSilent, .attempts = 3, .retry_after_s = 9},
      Broadcast{.broadcast_id = 6, .verb = BroadcastVerb::kLogLevel, .argument = "debug"},
      Ping{.sequence = 9},
      Pong{.sequence = 10},
      SpoolReserved{.spool = 20, .bytes = 21, .place = SpoolPlace::kSpoolDir},
      SpoolStored{.spool = 24, .is_held = true},
      Unlink{.deferred_free = 30,
             .keys = {filled<RequestKey>(14), filled<RequestKey>(15)},
             .paths = {"/s/0-77-3", ""}},
      SpoolWanted{.fetch_id = 4},
      JoinProgress{.fetch_id = 4, .state = JoinState::kCached, .bytes = 27, .path = "/s/0-77-3"},
      Warm{.request = sample_request()},
      ListenerGiven{.listener_id = 31, .slot = 5, .cookie = 79},
      ListenersGiven{},
      ListenerKept{.listener_id = 31, .cookie = 79},
      ListenerRelease{.listener_id = 31},
      PlaceWanted{.attempt_id = filled<Uuid>(0xae)},
      EndAttempt{.attempt_id = filled<Uuid>(0xaf)},
      AttemptOut{.fetch_id = 4,
                 .attempt_id = filled<Uuid>(0xb0),
                 .shape = StreamShape::kWholeDag,
                 .attempt_number = 2,
                 .l2_id = "home",
                 .admission = Admission::kIfSmall,
                 .needs_certificate = true},
      AttemptOver{.attempt_id = filled<Uuid>(0xb0), .was_delivered = true},
      DirectSocket{.cookie = 81, .address = "203.0.113.9"},
      AttemptAnswer{.attempt_id = filled<Uuid>(0xb1), .is_elsewhere = true},
      TakeDenylist{
          .denylist = {.id = 37, .bytes = 39, .path = "/s/denylist-1-0", .is_swept = true}},
  };
}

}  // namespace daphnis::ipc::test
