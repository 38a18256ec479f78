#include "tests/sim/edge/folder_node.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "broker/cache/block_index.h"
#include "broker/cache/scrub.h"
#include "common/cachefile/cache_file.h"

namespace daphnis::sim {

using broker::CachedFileProof;
using broker::FileStored;
using broker::FilesUnlinked;
using broker::Quarantine;
using broker::StoreFile;
using broker::UnlinkFiles;
using broker::UnlinkSpools;

namespace {

// Shorter than an edge's, or slower, so that one run of some minutes sees many of each.
constexpr uint64_t kScrubBytesPerS = 256 * limits::kKiB;
constexpr uint64_t kScrubPauseMs = 1'000;
constexpr uint64_t kSweepEveryMs = 10'000;
constexpr size_t kStoredTrailerBytesMax = 512;

/// The part of the disk that must be free after trouble, 1 in this number.
constexpr uint64_t kFreePart = 20;

broker::FolderPace pace_of(const broker::Settings& settings) {
  return {.scrub_bytes_per_s = std::min(settings.cache_scrub_bytes_per_s, kScrubBytesPerS),
          .scrub_pause_ms = kScrubPauseMs,
          .sweep_every_ms = kSweepEveryMs};
}

/// The blocks of a good file, where its trailer is short.
std::optional<std::vector<broker::BlockKey>> short_list(const std::string& bytes,
                                                        const RequestKey& key, const Uuid& secret) {
  const Bytes all = as_bytes(bytes);
  const auto footer = read_cache_footer(all.last(kCacheFooterBytes), bytes.size());
  if (!footer || footer->trailer_bytes() > kStoredTrailerBytesMax) return std::nullopt;
  auto blocks = broker::block_keys_of(all.subspan(static_cast<size_t>(footer->body_bytes)), *footer,
                                      key, secret);
  if (!blocks) return std::nullopt;
  return std::move(*blocks);
}

}  // namespace

std::string fault_of_file(const std::string& bytes, const RequestKey& key) {
  if (bytes.size() < kCacheFooterBytes) return "it is shorter than a footer";
  const Bytes all = as_bytes(bytes);
  const auto footer = read_cache_footer(all.last(kCacheFooterBytes), bytes.size());
  if (!footer) return footer.error().text();
  const auto body_bytes = static_cast<size_t>(footer->body_bytes);
  auto proof = CachedFileProof::begin(all.subspan(body_bytes), *footer, key);
  if (!proof) return proof.error().text();
  if (auto fine = proof->on_body(Slice::copy_of(all.first(body_bytes))); !fine) {
    return fine.error().text();
  }
  const auto fine = proof->on_end();
  return fine ? std::string() : fine.error().text();
}

FolderNode::FolderNode(Scene& scene, const broker::Settings& settings, OnEvent on_event)
    : scene_(scene),
      settings_(settings),
      pace_(pace_of(settings)),
      on_event_(std::move(on_event)),
      keeper_(*this, pace_, [this](const broker::FolderEvent& event) { this->on_event(event); }),
      timer_(scene.clock,
             [this] {
               keeper_.on_timer(scene_.clock.now_ms());
               set_timer();
             }),
      round_task_(scene),
      probe_task_(scene),
      scan_timer_(scene.clock, [this] { step_scan(); }),
      scan_task_(scene),
      scrub_task_(scene),
      listing_task_(scene),
      sweep_task_(scene) {}

FolderNode::~FolderNode() {
  scene_.tally.folder_tasks_dropped += keeper_.tasks_pending();
}

void FolderNode::open() {
  const bool has_cache = !settings_.cache_dir.empty();
  const uint64_t now_ms = scene_.clock.now_ms();
  keeper_.open({.has_cache = has_cache,
                .trouble = scene_.disk.is_sick() ? "the folder cannot be locked" : "",
                .strays_removed = sweep_strays(0)},
               now_ms);
  if (has_cache) keeper_.start_scan(now_ms);
  set_timer();
}

void FolderNode::add(broker::FolderTask task) {
  ++scene_.tally.folder_tasks;
  keeper_.add(std::move(task), scene_.clock.now_ms());
  set_timer();
}

void FolderNode::set_timer() {
  if (const auto due_ms = keeper_.next_deadline()) {
    timer_.at(*due_ms);
  } else {
    timer_.stop();
  }
}

void FolderNode::on_event(const broker::FolderEvent& event) {
  if (const auto* files = std::get_if<broker::FilesFound>(&event)) {
    scene_.tally.scan_found += files->entries.size();
  }
  on_event_(event);
}

std::string FolderNode::object(const RequestKey& key) const {
  return settings_.cache_dir + "/objects/" + cache_file_name(key);
}

// --- Tasks ---

void FolderNode::begin_round(std::vector<broker::FolderTask> tasks) {
  round_.assign(std::make_move_iterator(tasks.begin()), std::make_move_iterator(tasks.end()));
  continue_round();
}

/// Carries out as many of the round's tasks as chance has it, as a disk of changing speed does.
void FolderNode::continue_round() {
  const auto step = std::make_shared<broker::RoundStep>();
  Parts parts;
  for (uint64_t count = 1 + scene_.chance.below(round_.size()); count > 0; --count) {
    auto more = std::visit([&](const auto& task) { return parts_of(task, step); }, round_.front());
    parts.insert(parts.end(), more.begin(), more.end());
    round_.pop_front();
  }
  step->is_last = round_.empty();
  run(round_task_, std::move(parts), step, [this](broker::RoundStep&& done) {
    keeper_.on_round_step(std::move(done), scene_.clock.now_ms());
  });
}

FolderNode::Parts FolderNode::refuse_task() {
  scene_.fail("the keeper puts a task into a round that belongs to none");
  return {};
}

std::string FolderNode::fault_of(const std::string& path, uint64_t size) {
  Disk::InodeRef inode;
  if (const int error = scene_.disk.open(path, inode); error != 0) return std::strerror(error);
  if (inode->bytes.size() != size) {
    return fmt::format("it has {} bytes instead of {}", inode->bytes.size(), size);
  }
  std::string end;
  if (size < kCacheFooterBytes) return "it is shorter than a footer";
  if (scene_.disk.read(*inode, size - kCacheFooterBytes, kCacheFooterBytes, end) != 0) return "EIO";
  const auto footer = read_cache_footer(as_bytes(end), size);
  return footer ? std::string() : footer.error().text();
}

/// The steps of a StoreFile: the file is checked first, and renamed in a later step.
FolderNode::Parts FolderNode::parts_of(const StoreFile& task, const RoundRef& step) {
  const auto fault = std::make_shared<std::string>();
  return {[this, task, fault] {
            *fault = fault_of(settings_.cache_dir + "/tmp/" + task.name, task.size);
          },
          [this, task, fault, step] { step->ends.push_back(store(task, *fault)); }};
}

broker::TaskEnd FolderNode::store(const StoreFile& task, std::string fault) {
  const std::string from = settings_.cache_dir + "/tmp/" + task.name;
  const std::string to = object(task.key);
  std::string why = std::move(fault);
  std::string trouble;
  if (why.empty()) {
    if (const int error = scene_.disk.rename(from, to); error != 0) {
      why = std::strerror(error);
      if (error != ENOENT) trouble = "cannot rename " + from + ": " + why;
    }
  }
  std::optional<std::vector<broker::BlockKey>> blocks;
  if (why.empty()) {
    const std::string& bytes = scene_.disk.find(to)->bytes;
    const std::string found = fault_of_file(bytes, task.key);
    if (!found.empty()) scene_.fail(to + " got its name: " + found);
    if (task.block_secret) blocks = short_list(bytes, task.key, *task.block_secret);
  } else {
    scene_.trace("{} is not stored: {}", from, why);
    scene_.disk.unlink(from);
    scene_.disk.unlink(to);
  }
  FileStored stored{.spool = task.spool,
                    .key = task.key,
                    .is_stored = why.empty(),
                    .why = std::move(why),
                    .blocks = std::move(blocks)};
  return {.event = std::move(stored), .trouble = std::move(trouble)};
}

FolderNode::Parts FolderNode::parts_of(const UnlinkFiles& task, const RoundRef& step) {
  Parts parts;
  for (const RequestKey& key : task.keys) {
    parts.emplace_back([this, key] { scene_.disk.unlink(object(key)); });
  }
  parts.emplace_back([step, deferred_free = task.deferred_free] {
    step->ends.push_back({.event = FilesUnlinked{deferred_free}});
  });
  return parts;
}

FolderNode::Parts FolderNode::parts_of(const UnlinkSpools& task, const RoundRef& step) {
  Parts parts;
  for (const std::string& path : task.paths) {
    parts.emplace_back([this, path] { scene_.disk.unlink(path); });
  }
  parts.emplace_back([step, deferred_free = task.deferred_free] {
    broker::TaskEnd end;
    if (deferred_free != 0) end.event = FilesUnlinked{deferred_free};
    step->ends.push_back(std::move(end));
  });
  return parts;
}

FolderNode::Parts FolderNode::parts_of(const Quarantine& task, const RoundRef& step) {
  return {[this, step, key = task.key] {
    const std::string name = cache_file_name(key).substr(3);
    const std::string to = settings_.cache_dir + "/quarantine/" + name;
    if (scene_.disk.rename(object(key), to) != 0) scene_.disk.unlink(object(key));
    step->ends.emplace_back();
  }};
}

// --- Health ---

void FolderNode::probe(broker::ProbeAfter after) {
  const auto result = std::make_shared<broker::ProbeResult>();
  auto look = [this, after, result] {
    result->why = fault_of_probe(after);
    result->is_ok = result->why.empty();
  };
  run(probe_task_, {std::move(look)}, result,
      [this](const broker::ProbeResult& done) { keeper_.on_probe(done, scene_.clock.now_ms()); });
}

std::string FolderNode::fault_of_probe(broker::ProbeAfter after) {
  if (scene_.disk.is_sick()) return "the probe cannot be written";
  const uint64_t capacity = scene_.disk.manners().capacity;
  const uint64_t free = capacity - std::min(capacity, scene_.disk.used_bytes());
  const bool wants_space = after == broker::ProbeAfter::kTrouble;
  return wants_space && free < capacity / kFreePart ? "the disk is still full" : "";
}

}  // namespace daphnis::sim
