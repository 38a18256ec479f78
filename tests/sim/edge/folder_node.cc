#include "tests/sim/edge/folder_node.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

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

constexpr uint64_t kProbeEveryMs = 5'000;
constexpr uint64_t kSweepEveryMs = 10'000;
constexpr uint64_t kRoomPart = 20;

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
      on_event_(std::move(on_event)),
      task_run_(scene),
      probe_timer_(scene.clock, [this] { probe(); }),
      probe_task_(scene),
      scan_task_(scene),
      scan_timer_(scene.clock, [this] { run_scan(); }),
      sweep_timer_(scene.clock, [this] { sweep(kSweepEveryMs); }),
      scrub_timer_(scene.clock, [this] { scrub(); }),
      scrub_task_(scene) {}

FolderNode::~FolderNode() {
  scene_.tally.folder_tasks_dropped += tasks_.size() + (task_ ? 1 : 0);
}

void FolderNode::open() {
  sweep(0);
  if (settings_.cache_dir.empty()) return;
  probe_timer_.after(kProbeEveryMs);
  begin_scan();
}

std::string FolderNode::object(const RequestKey& key) const {
  return settings_.cache_dir + "/objects/" + cache_file_name(key);
}

// --- Orders ---

void FolderNode::add(broker::FolderTask task) {
  ++scene_.tally.folder_tasks;
  if (scan_) {
    if (const auto* unlink = std::get_if<UnlinkFiles>(&task)) {
      gone_.insert(unlink->keys.begin(), unlink->keys.end());
    } else if (const auto* quarantine = std::get_if<Quarantine>(&task)) {
      gone_.insert(quarantine->key);
    } else if (const auto* stored = std::get_if<StoreFile>(&task)) {
      gone_.erase(stored->key);
    }
  }
  tasks_.push_back(std::move(task));
  run_next_task();
}

void FolderNode::run_next_task() {
  if (task_run_.is_busy() || tasks_.empty()) return;
  task_ = std::move(tasks_.front());
  tasks_.pop_front();
  answer_.reset();
  trouble_.clear();
  auto parts = std::visit([this](const auto& task) { return parts_of(task); }, *task_);
  task_run_.start(std::move(parts), [this] { on_task_done(); });
}

void FolderNode::on_task_done() {
  task_.reset();
  if (!trouble_.empty()) set_down(trouble_);
  if (const auto event = std::exchange(answer_, std::nullopt)) {
    const auto* stored = std::get_if<FileStored>(&*event);
    if (scan_ && stored && !stored->is_stored) gone_.insert(stored->key);
    if (std::holds_alternative<FilesUnlinked>(*event)) {
      unlinked_.push_back(*event);
      release_scrubbed();
    } else {
      on_event_(*event);
    }
  }
  run_next_task();
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
std::vector<DiskTask::Part> FolderNode::parts_of(const StoreFile& task) {
  return {[this, task] {
            store_fault_ = fault_of(settings_.cache_dir + "/tmp/" + task.name, task.size);
          },
          [this, task] { store(task); }};
}

void FolderNode::store(const StoreFile& task) {
  const std::string from = settings_.cache_dir + "/tmp/" + task.name;
  const std::string to = object(task.key);
  std::string why = std::exchange(store_fault_, {});
  if (why.empty()) {
    if (const int error = scene_.disk.rename(from, to); error != 0) {
      why = std::strerror(error);
      if (error != ENOENT) trouble_ = "cannot rename " + from + ": " + why;
    }
  }
  if (why.empty()) {
    const std::string fault = fault_of_file(scene_.disk.find(to)->bytes, task.key);
    if (!fault.empty()) scene_.fail(to + " got its name: " + fault);
  } else {
    scene_.trace("{} is not stored: {}", from, why);
    scene_.disk.unlink(from);
    scene_.disk.unlink(to);
  }
  answer_ = FileStored{
      .spool = task.spool, .key = task.key, .is_stored = why.empty(), .why = std::move(why)};
}

std::vector<DiskTask::Part> FolderNode::parts_of(const UnlinkFiles& task) {
  std::vector<DiskTask::Part> parts;
  for (const RequestKey& key : task.keys) {
    parts.emplace_back([this, key] { scene_.disk.unlink(object(key)); });
  }
  answer_ = FilesUnlinked{task.deferred_free};
  return parts;
}

std::vector<DiskTask::Part> FolderNode::parts_of(const UnlinkSpools& task) {
  std::vector<DiskTask::Part> parts;
  for (const std::string& path : task.paths) {
    parts.emplace_back([this, path] { scene_.disk.unlink(path); });
  }
  if (task.deferred_free != 0) answer_ = FilesUnlinked{task.deferred_free};
  return parts;
}

std::vector<DiskTask::Part> FolderNode::parts_of(const Quarantine& task) {
  return {[this, key = task.key] {
    const std::string name = cache_file_name(key).substr(3);
    const std::string to = settings_.cache_dir + "/quarantine/" + name;
    if (scene_.disk.rename(object(key), to) != 0) scene_.disk.unlink(object(key));
  }};
}

// --- Health ---

void FolderNode::probe() {
  probe_timer_.after(kProbeEveryMs);
  if (is_stuck()) set_down("the disk has not answered for long");
  if (probe_task_.is_busy()) return;
  auto look = [this, was_up = is_up_] {
    const Disk& disk = scene_.disk;
    const uint64_t capacity = disk.manners().capacity;
    const uint64_t used = scene_.disk.used_bytes();
    probe_fault_.clear();
    if (disk.is_sick()) probe_fault_ = "the probe cannot be written";
    if (!was_up && capacity - std::min(capacity, used) < capacity / kRoomPart) {
      probe_fault_ = "the disk is still full";
    }
  };
  probe_task_.start({std::move(look)}, [this] {
    if (!probe_fault_.empty()) return set_down(probe_fault_);
    if (!is_stuck()) set_up();
  });
}

bool FolderNode::is_stuck() const {
  const auto hangs = [this](const DiskTask& task) {
    return task.is_busy() && scene_.clock.now_ms() - task.started_ms() > limits::kFolderSilentMs;
  };
  return hangs(task_run_) || hangs(probe_task_);
}

void FolderNode::set_down(const std::string& why) {
  if (!std::exchange(is_up_, false)) return;
  scan_.reset();
  wanted_.reset();
  on_event_(broker::FolderHealth{.is_up = false, .why = why});
}

void FolderNode::set_up() {
  if (std::exchange(is_up_, true)) return;
  on_event_(broker::FolderHealth{.is_up = true, .why = {}});
  begin_scan();
}

}  // namespace daphnis::sim
