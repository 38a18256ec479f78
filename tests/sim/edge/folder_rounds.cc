#include <algorithm>
#include <utility>

#include "broker/cache/cache_scan.h"
#include "common/cachefile/cache_file.h"
#include "tests/sim/edge/folder_node.h"

/// The rounds that the folder makes without a task: scans, sweeps and scrubbing.
namespace daphnis::sim {
namespace {

constexpr uint64_t kSweepEveryMs = 10'000;
constexpr uint64_t kScrubEveryMs = 1'000;

}  // namespace

// --- Scan ---

void FolderNode::begin_scan() {
  gone_.clear();
  scan_ = std::make_shared<Scan>();
  run_scan();
}

void FolderNode::pause_scan() {
  if (scene_.weather.scan_pause_ms == 0) return run_scan();
  scan_timer_.after(scene_.chance.below(scene_.weather.scan_pause_ms));
}

void FolderNode::run_scan() {
  if (!scan_ || scan_task_.is_busy()) return;
  auto found = std::make_shared<Entries>();
  scan_task_.start(
      {[this, scan = scan_, found] { scan_step(*scan, *found); }}, [this, scan = scan_, found] {
        // This scan may have been given up, or begun anew, meanwhile.
        if (scan != scan_) return pause_scan();
        std::erase_if(*found, [this](const auto& entry) { return gone_.contains(entry.key); });
        scene_.tally.scan_found += found->size();
        if (scan->is_over) {
          scan_.reset();
          gone_.clear();
          scrub_timer_.after(kScrubEveryMs);
        }
        if (!found->empty() || scan->is_over) {
          on_event_(broker::FilesFound{.entries = std::move(*found), .is_last = scan->is_over});
        }
        pause_scan();
      });
}

/// Reads the names of the next folder, or one file of the current folder.
void FolderNode::scan_step(Scan& scan, Entries& found) {
  if (!scan.names.empty()) {
    const std::string path = std::move(scan.names.back());
    scan.names.pop_back();
    return look_at(path, found);
  }
  const std::string objects = settings_.cache_dir + "/objects/";
  for (const std::string& path : scene_.disk.list(objects)) {
    const std::string folder = path.substr(objects.size(), 2);
    if (folder <= scan.last_folder) continue;
    scan.last_folder = folder;
    scan.names = scene_.disk.list(objects + folder);
    return;
  }
  scan.is_over = true;
}

void FolderNode::look_at(const std::string& path, Entries& found) {
  Disk::InodeRef inode;
  if (scene_.disk.open(path, inode) != 0) return;  // The file was evicted meanwhile.
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
    return;
  }
  entry.root = *root;
  entry.size = size;
  entry.stored_s = scene_.wall_s();
  found.push_back(std::move(entry));
}

// --- Strays ---

void FolderNode::sweep(uint64_t quiet_ms) {
  sweep_timer_.after(kSweepEveryMs);
  std::vector<std::string> folders;
  if (!settings_.cache_dir.empty()) folders.push_back(settings_.cache_dir + "/tmp/");
  if (!settings_.spool_dir.empty()) folders.push_back(settings_.spool_dir + "/");
  for (const std::string& folder : folders) {
    for (const std::string& path : scene_.disk.list(folder)) {
      const size_t begin = path.find('-', folder.size()) + 1;
      const auto pid = static_cast<uint32_t>(std::stoul(path.substr(begin)));
      const uint64_t changed_ms = scene_.disk.find(path)->changed_ms;
      if (quiet_ms > 0 && changed_ms + quiet_ms > scene_.clock.now_ms()) continue;
      if (scene_.pids.contains(pid)) continue;
      scene_.disk.unlink(path);
      ++scene_.tally.strays_removed;
    }
  }
}

// --- Scrubber ---

/// Scrubs one file: the one of a ProveFile, else the next by name.
void FolderNode::scrub() {
  scrub_timer_.after(kScrubEveryMs);
  if (!is_up_ || scan_ || scrub_task_.is_busy()) return;
  struct Look {
    Disk::InodeRef inode = {};
    RequestKey key{};
    std::string why = {};
    bool is_begun = false;
    bool is_good = false;
  };
  auto look = std::make_shared<Look>();
  const std::string objects = settings_.cache_dir + "/objects/";
  auto open = [this, look, objects] {
    if (const auto wanted = std::exchange(wanted_, std::nullopt)) {
      look->key = *wanted;
      look->is_begun = true;
      look->inode = scene_.disk.find(object(*wanted));
      return;
    }
    const auto paths = scene_.disk.list(objects);
    auto next = std::ranges::upper_bound(paths, scrubbed_);
    if (next == paths.end()) next = paths.begin();
    if (next == paths.end()) return;
    scrubbed_ = *next;
    look->is_begun = parse_cache_file_name(scrubbed_.substr(objects.size() + 3), look->key);
    look->inode = scene_.disk.find(scrubbed_);
  };
  auto prove = [this, look] {
    if (!look->inode) return;
    std::string bytes;
    const bool is_read = scene_.disk.read(*look->inode, 0, SIZE_MAX, bytes) == 0;
    look->why = is_read ? fault_of_file(bytes, look->key) : "it cannot be read";
    look->is_good = look->why.empty();
    if (look->inode->name.empty()) look->why.clear();  // The file was evicted meanwhile.
  };
  scrub_task_.start({std::move(open), std::move(prove)}, [this, look] {
    look->inode.reset();
    if (!look->why.empty()) {
      on_event_(broker::FileCorrupt{look->key, look->why});
    } else if (look->is_begun) {
      on_event_(broker::FileProven{look->key, look->is_good});
    }
    release_scrubbed();
  });
}

/// Closes the scrubbed file, which takes space until then even if it is unlinked.
void FolderNode::release_scrubbed() {
  if (scrub_task_.is_busy()) return;
  for (const auto& event : std::exchange(unlinked_, {})) on_event_(event);
}

}  // namespace daphnis::sim
