#pragma once

#include <string>

#include "common/cachefile/cache_file.h"
#include "tests/unit/worker/memory_disk.h"
#include "tests/unit/worker/rig.h"

namespace daphnis::worker::test {

/// A rig with folders for spools, one client that has asked for a CAR of two leaves, and queues and
/// windows so small that a client that takes nothing is a slow one at once.
struct SpoolRig : Rig {
  explicit SpoolRig(size_t leaf_bytes = 20'000, size_t window_bytes = 9'000, uint8_t leaves = 2)
      : Rig(small(window_bytes)), car(leaf_bytes, 0, hash::kSha2_256, leaves), first(ask()) {
    welcome();
    fetch = only<ipc::Fetch>();
  }
  static Settings small(size_t window_bytes) {
    Settings settings;
    settings.output_high_bytes = 100;
    settings.fetch_window_bytes = window_bytes;
    return settings;
  }
  void welcome() {
    worker.on_broker_connected(now_ms);
    after_input();
    tell(ipc::Welcome{
        .node_id = "node-1", .cache_dir = "/cache", .spool_dir = "/shm", .syncs_files = true});
  }
  Peer& ask() {
    Peer& client = connect();
    send(client, "GET " + car.target() + " HTTP/1.1\r\nHost: edge\r\n\r\n");
    return client;
  }
  Peer& stream(size_t sections) {
    return hand_off(fetch, post_head("Transfer-Encoding: chunked\r\n") +
                               chunk(Bytes(car.bytes).first(car.section_ends[sections - 1])));
  }
  /// The stream up to the first leaf, which is more than a slow client's queue takes.
  Peer& stream_slowly() {
    Peer& l2 = stream(1);
    const size_t size = car.section_ends[1] - car.section_ends[0];
    send(l2, chunk(Bytes(car.bytes).subspan(car.section_ends[0], size)));
    return l2;
  }
  Peer& stream_all() { return hand_off(fetch, post_with_length(car.bytes)); }
  void finish(Peer& l2, size_t after_sections) {
    const Bytes rest = Bytes(car.bytes).subspan(car.section_ends[after_sections - 1]);
    send(l2, (rest.empty() ? "" : chunk(rest)) + "0\r\n\r\n");
  }
  /// Grants the spool the reservation it asks for.
  ipc::SpoolReserve grant_reservation(ipc::SpoolPlace place = ipc::SpoolPlace::kCache) {
    const auto reserve = only<ipc::SpoolReserve>();
    tell(ipc::SpoolReserved{reserve.spool, reserve.bytes, place});
    return reserve;
  }
  void join(ipc::JoinState state, uint64_t bytes, const std::string& path) {
    tell(ipc::JoinProgress{fetch.fetch_id, state, bytes, path});
  }
  [[nodiscard]] std::string body() const { return text(car.bytes); }

  SampleCar car;
  Peer& first;
  ipc::Fetch fetch;
  MemoryDisk disk;
};

}  // namespace daphnis::worker::test
