// How long a start-up scan takes: makes N small valid cache files in a folder of its own and scans
// them without a snapshot, writes one, scans with it, and lets the scrubber prove some.
//
//   cache_scan [FILES] [FOLDER] [keep]      100000 files under the folder for temporary files;
//                                           keep: they are left there, with a snapshot

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "broker/uv/folder/folder_files.h"
#include "broker/uv/folder/folder_scan.h"
#include "broker/uv/folder/folder_scrub.h"
#include "broker/uv/folder/snapshot_file.h"
#include "common/ipld/hashes.h"

namespace daphnis::broker::uv {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begun) {
  return std::chrono::duration<double>(Clock::now() - begun).count();
}

/// A raw block's cache file of about 1 KiB.
bool make_file(const FolderPaths& paths, uint32_t number) {
  std::vector<uint8_t> body(900, static_cast<uint8_t>(number));
  for (size_t i = 0; i < 4; ++i) body[i] = static_cast<uint8_t>(number >> (8 * i));
  const Cid cid = *Hasher().cid_of(codec::kRaw, hash::kSha2_256, body);
  const CarRequest request{
      .root = cid, .path = {}, .scope = DagScope::kBlock, .format = AnswerFormat::kRaw};
  CacheTrailerWriter trailer;
  trailer.add_block(cid, 0, static_cast<uint32_t>(body.size()));
  trailer.add_body(body);
  const auto end = std::move(trailer).finish(request);
  body.insert(body.end(), end.begin(), end.end());
  const std::string path = paths.object(key_of(request));
  const daphnis::uv::UniqueFd file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640));
  return file && write_all(file.get(), body.data(), body.size()) == 0;
}

std::vector<CacheEntry> scan(const FolderPaths& paths, const char* how) {
  std::vector<CacheEntry> found;
  double longest = 0;
  const auto begun = Clock::now();
  FolderScan scan(paths);
  for (bool is_last = false; !is_last;) {
    const auto step_begun = Clock::now();
    auto batch = scan.step();
    longest = std::max(longest, seconds_since(step_begun));
    found.insert(found.end(), batch.entries.begin(), batch.entries.end());
    is_last = batch.is_last || !batch.trouble.empty();
    if (!batch.trouble.empty()) fmt::print(stderr, "{}\n", batch.trouble);
  }
  fmt::print("scan {:<22} {:>8} files {:7.3f} s   longest step {:6.1f} ms\n", how, found.size(),
             seconds_since(begun), longest * 1000);
  return found;
}

void snapshot(const FolderPaths& paths, const std::vector<CacheEntry>& entries) {
  const auto begun = Clock::now();
  SnapshotFile file(paths.index(), "bench");
  for (size_t at = 0; at < entries.size(); at += limits::kSnapshotEntriesPerTurn) {
    const size_t size = std::min(limits::kSnapshotEntriesPerTurn, entries.size() - at);
    if (!file.append(std::span(entries).subspan(at, size))) return;
  }
  if (!file.finish()) return;
  fmt::print("snapshot written {:>23} bytes {:7.3f} s\n", std::filesystem::file_size(paths.index()),
             seconds_since(begun));
}

void scrub(const FolderPaths& paths) {
  const auto begun = Clock::now();
  FolderScrub scrub(paths, {});
  uint64_t files = 0;
  uint64_t bytes = 0;
  uint64_t corrupt = 0;
  for (bool is_over = false; !is_over;) {
    const auto step = scrub.step();
    files += step.files_done;
    bytes += step.bytes_read;
    corrupt += step.corrupt ? 1 : 0;
    is_over = step.is_round_over;
  }
  fmt::print("scrub without a budget {:>9} files {:7.3f} s   {} bytes, {} corrupt\n", files,
             seconds_since(begun), bytes, corrupt);
}

void run(const FolderPaths& paths, uint32_t files, bool keeps) {
  const auto begun = Clock::now();
  for (uint32_t i = 0; i < files; ++i) {
    if (!make_file(paths, i)) {
      fmt::print(stderr, "cannot make file {}\n", i);
      return;
    }
  }
  fmt::print("made {:>32} files {:7.3f} s   in {}\n", files, seconds_since(begun), paths.dir);
  const auto entries = scan(paths, "without a snapshot");
  snapshot(paths, entries);
  (void)scan(paths, "with a snapshot");
  if (keeps) return;
  scrub(paths);
  // The page cache is dropped, as after a reboot; this needs root.
  ::sync();
  const daphnis::uv::UniqueFd caches(::open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC));
  const auto drop = [&] { return caches && ::pwrite(caches.get(), "3", 1, 0) == 1; };
  if (!drop()) return fmt::print("no cold scans: dropping the caches takes root\n");
  (void)scan(paths, "with a snapshot, cold");
  std::filesystem::remove(paths.index());
  (void)drop();
  (void)scan(paths, "without one, cold");
}

}  // namespace
}  // namespace daphnis::broker::uv

int main(int argc, char** argv) {
  using daphnis::broker::uv::FolderPaths;
  const auto files = static_cast<uint32_t>(argc > 1 ? std::atol(argv[1]) : 100'000);
  const std::string parent = argc > 2 ? argv[2] : std::filesystem::temp_directory_path().string();
  std::string name = parent + "/daphnis-cache-scan-XXXXXX";
  if (!::mkdtemp(name.data())) return 1;
  const FolderPaths paths{.dir = name, .spool_dir = {}};
  const bool keeps = argc > 3 && std::string_view(argv[3]) == "keep";
  if (paths.make_cache_tree()) daphnis::broker::uv::run(paths, files, keeps);
  if (!keeps) std::filesystem::remove_all(name);
  return 0;
}
