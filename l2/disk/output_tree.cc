#include "l2/disk/output_tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/base/check.h"
#include "common/base/limits.h"

namespace daphnis::l2 {
namespace {

/// Each file, folder or link is charged at least this much, so that the number of empty ones is
/// bounded too.
constexpr uint64_t kLeastCharge = 4 * limits::kKiB;
constexpr size_t kTargetBytesMax = 4095;

/// True where a link to `target`, from a folder `depth` folders deep, stays inside the topmost
/// folder. A name in `target` may itself be a link, to any place inside; so ".." is allowed only at
/// the front.
bool stays_inside(std::string_view target, size_t depth) {
  bool is_front = true;
  size_t up = 0;
  while (!target.empty()) {
    const size_t end = std::min(target.find('/'), target.size());
    const std::string_view part = target.substr(0, end);
    target.remove_prefix(std::min(end + 1, target.size()));
    if (part.empty() || part == ".") continue;
    if (part != "..")
      is_front = false;
    else if (!is_front || ++up > depth)
      return false;
  }
  return true;
}

}  // namespace

std::string OutputTree::path_of(std::string_view name) const {
  return folders_.empty() ? std::string(name) : folders_.back().path + "/" + std::string(name);
}

Result<void> OutputTree::admit(std::string_view name) const {
  const bool is_bad = name.empty() || name == "." || name == ".." ||
                      name.find('/') != std::string_view::npos ||
                      name.find('\0') != std::string_view::npos;
  if (!is_bad) return {};
  return fail(Errc::kInvalid, "a folder has an entry named \"" + std::string(name) +
                                  "\", which no file may be named");
}

Result<void> OutputTree::charge(uint64_t bytes) {
  charged_ += std::max(bytes, kLeastCharge);
  if (charged_ <= bytes_max_) return {};
  return fail(Errc::kTooLarge, "it holds more than " + std::to_string(bytes_max_) +
                                   " bytes (--max-bytes raises the bound)");
}

Result<void> OutputTree::enter_folder(std::string_view name) {
  if (auto admitted = admit(name); !admitted) return admitted;
  if (auto charged = charge(0); !charged) return charged;
  const std::string text(name);
  const std::string path = path_of(name);
  if (mkdirat(at(), text.c_str(), 0777) != 0) {
    if (errno == EEXIST) return fail(Errc::kInvalid, "two entries are named " + path);
    return fail_sys(errno, "cannot make the folder " + path);
  }
  const int fd = openat(at(), text.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return fail_sys(errno, "cannot open the folder " + path);
  folders_.push_back({File(fd, path), path});
  return {};
}

void OutputTree::leave_folder() {
  folders_.pop_back();
}

Result<void> OutputTree::begin_file(std::string_view name) {
  if (auto admitted = admit(name); !admitted) return admitted;
  if (auto charged = charge(0); !charged) return charged;
  const std::string path = path_of(name);
  // The file is opened for reading too, since append_again() reads from it.
  const int fd = openat(at(), std::string(name).c_str(),
                        O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
  if (fd < 0 && errno == EEXIST) return fail(Errc::kInvalid, "two entries are named " + path);
  if (fd < 0) return fail_sys(errno, "cannot make the file " + path);
  file_ = File(fd, path);
  file_bytes_ = 0;
  paths_.push_back(path);
  return {};
}

Result<OutputTree::Region> OutputTree::append(Bytes bytes) {
  check(file_.fd() >= 0, "bytes came for no file");
  if (auto charged = charge(bytes.size()); !charged) return std::unexpected(charged.error());
  if (auto written = file_.write(bytes); !written) return std::unexpected(written.error());
  const Region region{static_cast<uint32_t>(paths_.size() - 1), static_cast<uint32_t>(bytes.size()),
                      file_bytes_};
  file_bytes_ += bytes.size();
  bytes_ += bytes.size();
  return region;
}

Result<void> OutputTree::append_again(const Region& region) {
  std::vector<uint8_t> bytes(region.size);
  File other;
  if (region.file + 1 != paths_.size()) {
    const std::string& path = paths_[region.file];
    const int fd = openat(top_, path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return fail_sys(errno, "cannot read back " + path);
    other = File(fd, path);
  }
  const File& from = other.fd() >= 0 ? other : file_;
  const auto got = from.read_at(region.offset, bytes);
  if (!got) return std::unexpected(got.error());
  if (*got < bytes.size()) return fail(Errc::kUnexpected, from.name() + " changed meanwhile");
  auto appended = append(bytes);
  if (!appended) return std::unexpected(appended.error());
  return {};
}

void OutputTree::end_file() {
  file_ = File();
}

Result<void> OutputTree::link(std::string_view name, std::string_view target) {
  if (auto admitted = admit(name); !admitted) return admitted;
  if (auto charged = charge(0); !charged) return charged;
  const std::string path = path_of(name);
  if (folders_.empty()) {
    return fail(Errc::kInvalid, "the CAR holds a symbolic link, not a file or folder");
  }
  const bool is_sound = !target.empty() && target.size() <= kTargetBytesMax &&
                        target.front() != '/' && target.find('\0') == std::string_view::npos;
  if (!is_sound || !stays_inside(target, folders_.size() - 1)) {
    return fail(Errc::kInvalid, "the symbolic link " + path + " leads outside");
  }
  const std::string to(target);
  if (symlinkat(to.c_str(), at(), std::string(name).c_str()) == 0) return {};
  if (errno == EEXIST) return fail(Errc::kInvalid, "two entries are named " + path);
  return fail_sys(errno, "cannot make the symbolic link " + path);
}

}  // namespace daphnis::l2
