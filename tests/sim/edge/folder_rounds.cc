#include <algorithm>
#include <utility>

#include "broker/cache/block_index.h"
#include "broker/cache/cache_scan.h"
#include "common/cachefile/cache_file.h"
#include "tests/sim/edge/folder_node.h"

/// The work of the folder that is done in no round of tasks: scans, sweeps, scrubbing and lists of
/// blocks.
namespace daphnis::sim {

using broker::FileCorrupt;
using broker::FileProven;

// --- Scan ---

void FolderNode::begin_scan() {
  scan_ = {};
  step_scan();
}

void FolderNode::continue_scan() {
  if (scene_.weather.scan_pause_ms == 0) return step_scan();
  scan_timer_.after(scene_.chance.below(scene_.weather.scan_pause_ms));
}

void FolderNode::step_scan() {
  const auto step = std::make_shared<broker::ScanStep>();
  run(scan_task_, {[this, step] { look_on(*step); }}, step, [this](broker::ScanStep&& done) {
    keeper_.on_scan_step(std::move(done), scene_.clock.now_ms());
  });
}

/// Reads the names of the next folder, or one file of the current folder.
void FolderNode::look_on(broker::ScanStep& step) {
  if (!scan_.names.empty()) {
    const std::string path = std::move(scan_.names.back());
    scan_.names.pop_back();
    return look_at(path, step);
  }
  const std::string objects = settings_.cache_dir + "/objects/";
  for (const std::string& path : scene_.disk.list(objects)) {
    const std::string folder = path.substr(objects.size(), 2);
    if (folder <= scan_.last_folder) continue;
    scan_.last_folder = folder;
    scan_.names = scene_.disk.list(objects + folder);
    return;
  }
  step.is_last = true;
  step.sample = std::move(scan_.sample);
}

void FolderNode::look_at(const std::string& path, broker::ScanStep& step) {
  Disk::InodeRef inode;
  if (scene_.disk.open(path, inode) != 0) return;  // The file was evicted meanwhile.
  ++step.files_seen;
  broker::CacheEntry entry{.key = {}, .root = {}};
  const size_t name_at = (settings_.cache_dir + "/objects/ab/").size();
  std::string tail;
  const uint64_t size = inode->bytes.size();
  const size_t wanted = std::min<size_t>(size, broker::kTailBytesMax);
  if (!parse_cache_file_name(path.substr(name_at), entry.key))
    return scene_.fail("a name: " + path);
  const bool is_read = scene_.disk.read(*inode, size - wanted, wanted, tail) == 0;
  const auto root = broker::root_of_tail(as_bytes(tail), size, entry.key);
  if (!is_read || !root) {
    scene_.trace("the scan removes {}", path);
    scene_.disk.unlink(path);
    ++step.files_removed;
    step.lost.push_back(entry.key);
    return;
  }
  entry.root = *root;
  entry.size = size;
  entry.stored_s = scene_.wall_s();
  if (scan_.sample.size() < limits::kScrubSampleFiles) scan_.sample.push_back(entry.key);
  step.entries.push_back(std::move(entry));
}

// --- Strays ---

void FolderNode::sweep() {
  const auto removed = std::make_shared<uint64_t>(0);
  run(sweep_task_, {[this, removed] { *removed = sweep_strays(pace_.sweep_every_ms); }}, removed,
      [this](uint64_t strays) { keeper_.on_sweep(strays); });
}

/// Removes the files of dead workers that did not change for `quiet_ms`, and returns their number.
uint64_t FolderNode::sweep_strays(uint64_t quiet_ms) {
  std::vector<std::string> folders;
  if (!settings_.cache_dir.empty()) folders.push_back(settings_.cache_dir + "/tmp/");
  if (!settings_.spool_dir.empty()) folders.push_back(settings_.spool_dir + "/");
  uint64_t removed = 0;
  for (const std::string& folder : folders) {
    for (const std::string& path : scene_.disk.list(folder)) {
      const size_t begin = path.find('-', folder.size()) + 1;
      const auto pid = static_cast<uint32_t>(std::stoul(path.substr(begin)));
      const uint64_t changed_ms = scene_.disk.find(path)->changed_ms;
      if (quiet_ms > 0 && changed_ms + quiet_ms > scene_.clock.now_ms()) continue;
      if (scene_.pids.contains(pid)) continue;
      scene_.disk.unlink(path);
      ++removed;
    }
  }
  scene_.tally.strays_removed += removed;
  return removed;
}

// --- Scrubber ---

void FolderNode::begin_scrub(std::vector<RequestKey> sample, std::vector<RequestKey> wanted) {
  scrub_first_.assign(sample.begin(), sample.end());
  scrubbed_path_.clear();
  scrubbed_.reset();
  continue_scrub(std::move(wanted));
}

/// Opens a file, proves the open one, or both.
void FolderNode::continue_scrub(std::vector<RequestKey> wanted) {
  scrub_first_.insert(scrub_first_.begin(), wanted.begin(), wanted.end());
  const auto step = std::make_shared<broker::ScrubStep>();
  Parts parts;
  if (!scrubbed_) parts.emplace_back([this, step] { open_next(*step); });
  // A file may stay open until the next step, as a large one does.
  if (scrubbed_ || scene_.chance.one_in(2)) parts.emplace_back([this, step] { prove(*step); });
  run(scrub_task_, std::move(parts), step, [this](broker::ScrubStep&& done) {
    done.is_open = scrubbed_.has_value();
    keeper_.on_scrub_step(std::move(done), scene_.clock.now_ms());
  });
}

void FolderNode::open_next(broker::ScrubStep& step) {
  if (scrub_first_.empty()) return open_next_by_name(step);
  const RequestKey key = scrub_first_.front();
  scrub_first_.pop_front();
  if (auto inode = scene_.disk.find(object(key))) {
    scrubbed_ = {.key = key, .inode = std::move(inode)};
  } else {
    step.ended = FileProven{.key = key, .is_good = false};
  }
}

void FolderNode::open_next_by_name(broker::ScrubStep& step) {
  const std::string objects = settings_.cache_dir + "/objects/";
  const auto paths = scene_.disk.list(objects);
  const auto next = std::ranges::upper_bound(paths, scrubbed_path_);
  step.is_round_over = next == paths.end();
  scrubbed_path_ = step.is_round_over ? std::string() : *next;
  if (step.is_round_over) return;
  scrubbed_ = {.key = {}, .inode = scene_.disk.find(*next)};
  if (!parse_cache_file_name(next->substr(objects.size() + 3), scrubbed_->key)) {
    scene_.fail("a name: " + *next);
  }
}

/// Proves the open file, if there is one, and closes it.
void FolderNode::prove(broker::ScrubStep& step) {
  if (!scrubbed_) return;
  const Scrubbed file = *std::exchange(scrubbed_, std::nullopt);
  std::string bytes;
  const bool is_read = scene_.disk.read(*file.inode, 0, SIZE_MAX, bytes) == 0;
  const std::string why = is_read ? fault_of_file(bytes, file.key) : "it cannot be read";
  step.bytes_read = bytes.size();
  step.files_done = 1;
  if (!why.empty() && !file.inode->name.empty()) {
    step.corrupt = FileCorrupt{file.key, why};
  } else {  // A file that was evicted meanwhile is not reported as corrupt.
    step.ended = FileProven{.key = file.key, .is_good = why.empty()};
  }
}

void FolderNode::let_go() {
  const auto gone = std::make_shared<std::optional<FileProven>>();
  auto close = [this, gone] {
    if (!scrubbed_ || !scrubbed_->inode->name.empty()) return;
    *gone = FileProven{.key = scrubbed_->key, .is_good = false};
    scrubbed_.reset();
  };
  run(scrub_task_, {std::move(close)}, gone, [this](const std::optional<FileProven>& done) {
    keeper_.on_let_go(done, scene_.clock.now_ms());
  });
}

// --- Lists of blocks ---

void FolderNode::begin_listing(broker::ListBlocks task) {
  listing_ = task;
  unlisted_.reset();
  continue_listing();
}

void FolderNode::continue_listing() {
  const auto step = std::make_shared<broker::ListingStep>();
  run(listing_task_, {[this, step] { list_next(*step); }}, step,
      [this](broker::ListingStep&& done) {
        keeper_.on_listing_step(std::move(done), scene_.clock.now_ms());
      });
}

/// Reads the file's list, or gives out a part of it of any length.
void FolderNode::list_next(broker::ListingStep& step) {
  step.listed.key = listing_.key;
  if (!unlisted_) {
    unlisted_.emplace();
    std::string bytes;
    const auto inode = scene_.disk.find(object(listing_.key));
    const bool is_read = inode && scene_.disk.read(*inode, 0, SIZE_MAX, bytes) == 0;
    const size_t end = is_read && bytes.size() >= kCacheFooterBytes ? kCacheFooterBytes : 0;
    const auto footer = read_cache_footer(as_bytes(bytes).last(end), bytes.size());
    if (footer) {
      auto blocks = broker::block_keys_of(as_bytes(bytes).subspan(footer->body_bytes), *footer,
                                          listing_.key, listing_.secret);
      if (blocks) unlisted_ = std::move(*blocks);
    }
    step.bytes_read = bytes.size();
  }
  const auto count = static_cast<ptrdiff_t>(scene_.chance.below(unlisted_->size() + 1));
  step.listed.blocks.assign(unlisted_->end() - count, unlisted_->end());
  unlisted_->erase(unlisted_->end() - count, unlisted_->end());
  step.listed.is_last = unlisted_->empty();
}

// --- Snapshot ---

void FolderNode::append_snapshot(broker::SnapshotPart) {
  scene_.fail("a snapshot is written although nobody asked for one");
}

}  // namespace daphnis::sim
