#include "broker/uv/folder_sweep.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>
#include <vector>

#include "broker/uv/folder_files.h"
#include "broker/uv/folder_probe.h"
#include "common/core/slice.h"
#include "common/uv/fd.h"

namespace daphnis::broker {
namespace {

/// How far a file's time and a process's may disagree, seconds.
constexpr time_t kClockSlackS = 2;

/// The pid in INDEX-PID-NUMBER.
std::optional<pid_t> pid_of(std::string_view name) {
  const size_t first = name.find('-');
  const size_t last = name.rfind('-');
  if (first == std::string_view::npos || last <= first + 1) return {};
  const std::string_view text = name.substr(first + 1, last - first - 1);
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
  if (error != std::errc() || end != text.data() + text.size() || pid <= 0) return {};
  return pid;
}

/// When the process began, in seconds since the epoch (proc(5), field 22 of stat); nullopt: there
/// is no such process.
std::optional<time_t> started_at(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/stat";
  const uv::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<uint8_t, 1024> text;
  const int64_t size = file ? read_at(file.get(), text.data(), text.size(), 0) : -1;
  if (size <= 0) return {};
  // The name, in parentheses, may hold anything; field 3 follows its last parenthesis.
  std::string_view rest = as_text(Bytes(text).first(static_cast<size_t>(size)));
  rest.remove_prefix(std::min(rest.size(), rest.rfind(')') + 1));
  for (int field = 2; field < 22 && !rest.empty(); ++field) {
    rest.remove_prefix(std::min(rest.size(), rest.find(' ') + 1));
  }
  int64_t ticks = 0;
  if (std::from_chars(rest.data(), rest.data() + rest.size(), ticks).ec != std::errc()) return {};
  timespec now{};
  timespec up{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  ::clock_gettime(CLOCK_BOOTTIME, &up);
  return now.tv_sec - up.tv_sec + static_cast<time_t>(ticks / ::sysconf(_SC_CLK_TCK));
}

size_t sweep_folder(const std::string& folder, time_t quiet_s) {
  if (folder.empty()) return 0;
  std::vector<std::string> strays;
  const time_t now = ::time(nullptr);
  (void)for_each_name(folder, [&](const std::string& name) {
    if (name.starts_with(kProbeName)) return;
    struct stat about {};
    const std::string path = folder + "/" + name;
    if (::lstat(path.c_str(), &about) != 0 || S_ISDIR(about.st_mode)) return;
    // A time in the future is one of a clock that was put back; such a file is not new.
    if (about.st_mtime <= now && about.st_mtime > now - quiet_s) return;
    const auto pid = pid_of(name);
    const auto started = pid ? started_at(*pid) : std::nullopt;
    if (!started || *started > about.st_mtime + kClockSlackS) strays.push_back(path);
  });
  size_t removed = 0;
  for (const std::string& path : strays) removed += ::unlink(path.c_str()) == 0 ? 1 : 0;
  return removed;
}

}  // namespace

size_t sweep_spools(const FolderPaths& paths, time_t quiet_s) {
  const size_t in_tmp = paths.dir.empty() ? 0 : sweep_folder(paths.tmp(), quiet_s);
  return in_tmp + sweep_folder(paths.spool_dir, quiet_s);
}

}  // namespace daphnis::broker
