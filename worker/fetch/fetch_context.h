#pragma once

#include <cstddef>
#include <cstdint>

#include "common/base/limits.h"
#include "worker/base/agenda.h"
#include "worker/base/settings.h"
#include "worker/broker/broker_session.h"
#include "worker/cache/cache.h"
#include "worker/fetch/spool_book.h"

namespace daphnis::worker {

/// What became of slow readers since the worker's start.
struct SlowCounts {
  uint64_t readers_left = 0;  ///< Readers that have gone on alone.
  uint64_t readers_cut = 0;   ///< Readers that were cut, since their slowness kept others waiting.
  uint64_t yields = 0;        ///< Fetches that have yielded their sources.
};

/// The data and the helpers that all fetches of a worker share. Owned by the Worker; outlives them.
struct FetchContext {
  BrokerSession& broker;
  Agenda& agenda;
  Cache& cache;
  SpoolBook& spools;
  const Settings& settings;
  size_t window_bytes_max = limits::kFetchWindowBytesMax;
  /// Bytes of buffers that the windows of all shared fetches keep from being used again, and those
  /// that the windows of all loners keep, lest loners make the windows of others short.
  size_t pinned = 0;
  size_t pinned_by_loners = 0;
  SlowCounts slow = {};
};

}  // namespace daphnis::worker
