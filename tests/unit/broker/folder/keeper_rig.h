#pragma once

#include <algorithm>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/folder/folder_keeper.h"

namespace daphnis::broker::test {

/// A disk that notes what it is asked for and does none of it: a test reports the ends. Owned by
/// the KeeperRig.
struct FakeDisk final : FolderDisk {
  void begin_round(std::vector<FolderTask> tasks) override { rounds.push_back(std::move(tasks)); }
  void continue_round() override { ++rounds_continued; }
  void probe(ProbeAfter after) override { probes.push_back(after); }
  void begin_scan() override { ++scans_begun; }
  void continue_scan() override { ++scans_continued; }
  void begin_scrub(std::vector<RequestKey> sample, std::vector<RequestKey> wanted) override {
    samples.push_back(std::move(sample));
    continue_scrub(std::move(wanted));
  }
  void continue_scrub(std::vector<RequestKey> keys) override { scrubs.push_back(std::move(keys)); }
  void let_go() override { ++let_gos; }
  void begin_listing(ListBlocks task) override { listings.push_back(task.key); }
  void continue_listing() override { ++listings_continued; }
  void sweep() override { ++sweeps; }
  void append_snapshot(SnapshotPart part) override { parts.push_back(std::move(part)); }

  // What was asked for since the start.
  std::vector<std::vector<FolderTask>> rounds;
  size_t rounds_continued = 0;
  std::vector<ProbeAfter> probes;
  size_t scans_begun = 0;
  size_t scans_continued = 0;
  std::vector<std::vector<RequestKey>> samples;  ///< Of scrubbing that began anew.
  std::vector<std::vector<RequestKey>> scrubs;   ///< The wanted keys of each step.
  size_t let_gos = 0;
  std::vector<RequestKey> listings;  ///< The files whose blocks were to be listed.
  size_t listings_continued = 0;
  size_t sweeps = 0;
  std::vector<SnapshotPart> parts;
};

/// A keeper over a fake disk, at a time of its own. Owned by a test case.
class KeeperRig {
 public:
  explicit KeeperRig(FolderPace pace = {.scrub_bytes_per_s = 0})
      : keeper(disk, pace, [this](FolderEvent event) { events.push_back(std::move(event)); }) {}

  void open(const FolderKeeper::Opened& opened = {}) { keeper.open(opened, now_ms); }
  /// Opens, and ends the first scan, which finds no file.
  void start() {
    open();
    keeper.start_scan(now_ms);
    scan({.is_last = true});
    events.clear();
  }
  /// Lets time pass, and calls the keeper at each of its deadlines.
  void pass(uint64_t ms) {
    const uint64_t end_ms = now_ms + ms;
    for (auto due = keeper.next_deadline(); due && *due <= end_ms; due = keeper.next_deadline()) {
      now_ms = std::max(now_ms, *due);
      keeper.on_timer(now_ms);
    }
    now_ms = end_ms;
  }
  void add(FolderTask task) { keeper.add(std::move(task), now_ms); }

  // The ends of the disk's work.
  void round(RoundStep step) { keeper.on_round_step(std::move(step), now_ms); }
  void end_task(std::optional<FolderEvent> event, std::string trouble = {}) {
    round({.ends = {{.event = std::move(event), .trouble = std::move(trouble)}}, .is_last = true});
  }
  void probe(const ProbeResult& result = {.is_ok = true}) { keeper.on_probe(result, now_ms); }
  void scan(ScanStep step) { keeper.on_scan_step(std::move(step), now_ms); }
  void scrub(ScrubStep step) { keeper.on_scrub_step(std::move(step), now_ms); }
  void list(ListingStep step) { keeper.on_listing_step(std::move(step), now_ms); }
  void let_go(const std::optional<FileProven>& gone) { keeper.on_let_go(gone, now_ms); }

  /// The events of one kind since the start.
  template <class Event>
  [[nodiscard]] std::vector<Event> events_of() const {
    std::vector<Event> found;
    for (const FolderEvent& event : events) {
      if (const auto* one = std::get_if<Event>(&event)) found.push_back(*one);
    }
    return found;
  }

  FakeDisk disk;
  uint64_t now_ms = 1'000'000;
  std::vector<FolderEvent> events;
  FolderKeeper keeper;
};

[[nodiscard]] inline RequestKey key_number(uint8_t number) {
  RequestKey key{};
  key[0] = number;
  return key;
}

[[nodiscard]] inline CacheEntry entry_number(uint8_t number) {
  return {.key = key_number(number), .root = {}};
}

[[nodiscard]] inline StoreFile store_number(uint8_t number) {
  return {.spool = {WorkerId{1}, number}, .name = "0-1-1", .key = key_number(number), .size = 1};
}

[[nodiscard]] inline FileStored stored_number(uint8_t number, bool is_stored = true) {
  return {
      .spool = {WorkerId{1}, number}, .key = key_number(number), .is_stored = is_stored, .why = {}};
}

[[nodiscard]] inline UnlinkFiles unlink_number(uint8_t number) {
  return {.deferred_free = number, .keys = {key_number(number)}};
}

}  // namespace daphnis::broker::test
