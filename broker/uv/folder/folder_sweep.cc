#include "broker/uv/folder/folder_sweep.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>
#include <vector>

#include "broker/uv/folder/folder_files.h"
#include "broker/uv/folder/folder_probe.h"
#include "common/base/slice.h"
#include "common/uv/fd.h"

namespace daphnis::broker::uv {
namespace {

/// How far the clocks of a file's time and of a process's start may differ, in seconds.
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

/// The start of a process, in seconds since the epoch (proc(5), field 22 of stat); nullopt: there
/// is no such process.
std::optional<time_t> started_at(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/stat";
  const daphnis::uv::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
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

/// True where the process has the file open, and for a process of our user whose descriptors cannot
/// be listed.
bool has_open(pid_t pid, const struct stat& file) {
  const std::string process = "/proc/" + std::to_string(pid);
  const std::string folder = process + "/fd";
  bool is_open = false;
  const int sys = for_each_name(folder, [&](const std::string& name) {
    struct stat about {};
    if (is_open || ::stat((folder + "/" + name).c_str(), &about) != 0) return;
    is_open = about.st_dev == file.st_dev && about.st_ino == file.st_ino;
  });
  if (sys == 0 || is_open) return is_open;
  struct stat about {};
  return ::stat(process.c_str(), &about) == 0 && about.st_uid == ::geteuid();
}

/// True where the process with the pid in a file's name is not the one that wrote the file: it
/// began after the file was written, or is gone. Both times are of the wall clock, so after a jump
/// forward a living writer may look that way; but it has its file open.
bool is_successor(pid_t pid, const struct stat& file) {
  const auto started = started_at(pid);
  return !started || (*started > file.st_mtime + kClockSlackS && !has_open(pid, file));
}

}  // namespace

size_t sweep_folder(const std::string& folder, time_t quiet_s) {
  if (folder.empty()) return 0;
  std::vector<std::string> strays;
  const time_t now = ::time(nullptr);
  (void)for_each_name(folder, [&](const std::string& name) {
    if (name.starts_with(kProbeName)) return;
    struct stat about {};
    const std::string path = folder + "/" + name;
    if (::lstat(path.c_str(), &about) != 0 || S_ISDIR(about.st_mode)) return;
    // A time in the future means that the clock was put back; such a file is not new.
    if (about.st_mtime <= now && about.st_mtime > now - quiet_s) return;
    const auto pid = pid_of(name);
    // This process maps the file that it made itself, and does not have it open.
    if (pid == ::getpid() && quiet_s > 0) return;
    if (!pid || is_successor(*pid, about)) strays.push_back(path);
  });
  size_t removed = 0;
  for (const std::string& path : strays) removed += ::unlink(path.c_str()) == 0 ? 1 : 0;
  return removed;
}

size_t sweep_spools(const FolderPaths& paths, time_t quiet_s) {
  const size_t in_tmp = paths.dir.empty() ? 0 : sweep_folder(paths.tmp(), quiet_s);
  return in_tmp + sweep_folder(paths.spool_dir, quiet_s);
}

}  // namespace daphnis::broker::uv
