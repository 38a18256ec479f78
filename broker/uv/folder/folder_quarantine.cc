#include "broker/uv/folder/folder_quarantine.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <string>
#include <vector>

#include "broker/uv/folder/folder_files.h"
#include "common/base/limits.h"
#include "common/cachefile/cache_file.h"

namespace daphnis::broker::uv {
namespace {

/// A file in quarantine/.
struct Kept {
  uint64_t number;
  uint64_t bytes;
  std::string path;
};

/// The files in quarantine/, the oldest first; files without a number are the oldest.
std::vector<Kept> kept_files(const std::string& folder) {
  std::vector<Kept> kept;
  (void)for_each_name(folder, [&](const std::string& name) {
    Kept file{.number = 0, .bytes = 0, .path = folder + "/" + name};
    const size_t dot = name.rfind('.');
    if (dot != std::string::npos) {
      std::from_chars(name.data() + dot + 1, name.data() + name.size(), file.number);
    }
    struct stat about {};
    if (::lstat(file.path.c_str(), &about) == 0) file.bytes = static_cast<uint64_t>(about.st_size);
    kept.push_back(std::move(file));
  });
  std::ranges::sort(kept, {}, &Kept::number);
  return kept;
}

}  // namespace

bool quarantine_file(const FolderPaths& paths, const RequestKey& key) {
  std::vector<Kept> kept = kept_files(paths.quarantine());
  const uint64_t number = kept.empty() ? 1 : kept.back().number + 1;
  const std::string name = cache_file_name(key).substr(3) + "." + std::to_string(number);
  const std::string to = paths.quarantine() + "/" + name;
  if (::rename(paths.object(key).c_str(), to.c_str()) != 0) return false;
  struct stat about {};
  const bool is_known = ::lstat(to.c_str(), &about) == 0;
  kept.push_back({number, is_known ? static_cast<uint64_t>(about.st_size) : 0, to});
  uint64_t bytes = 0;
  for (const Kept& file : kept) bytes += file.bytes;
  size_t files = kept.size();
  for (const Kept& file : kept) {
    if (files <= limits::kQuarantineFilesMax && bytes <= limits::kQuarantineBytesMax) break;
    (void)::unlink(file.path.c_str());
    bytes -= file.bytes;
    --files;
  }
  return true;
}

}  // namespace daphnis::broker::uv
