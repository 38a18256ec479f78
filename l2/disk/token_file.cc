#include "l2/disk/token_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

#include "common/base/l2_token.h"
#include "common/base/limits.h"
#include "l2/disk/file.h"

namespace daphnis::l2 {
namespace {

constexpr mode_t kForUsAlone = 0600;

/// The first line of the file, without white space at its ends.
Result<std::string> first_line(const std::string& path) {
  const auto file = File::open_to_read(path);
  if (!file) return std::unexpected(file.error());
  std::array<uint8_t, limits::kL2TokenFileBytesMax> bytes;
  const auto size = file->read_at(0, bytes);
  if (!size) return std::unexpected(size.error());
  std::string_view line = as_text(Bytes(bytes).first(*size));
  line = line.substr(0, line.find('\n'));
  constexpr std::string_view kWhite = " \t\r";
  const size_t first = std::min(line.find_first_not_of(kWhite), line.size());
  line.remove_prefix(first);
  return std::string(line.substr(0, line.find_last_not_of(kWhite) + 1));
}

Result<void> write_whole(const std::string& path, std::string_view token) {
  // It is written under another name first, so that a crash cannot leave half a token.
  const std::string fresh = path + ".new";
  const File file(
      open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, kForUsAlone),
      fresh);
  if (file.fd() < 0 || fchmod(file.fd(), kForUsAlone) != 0) {
    return fail_sys(errno, "cannot write " + fresh);
  }
  if (auto written = file.write(as_bytes(std::string(token) + "\n")); !written) return written;
  if (fsync(file.fd()) != 0 || rename(fresh.c_str(), path.c_str()) != 0) {
    return fail_sys(errno, "cannot write " + path);
  }
  return {};
}

}  // namespace

Result<std::string> TokenFile::read() {
  auto line = first_line(path_);
  if (!unkept_.empty() && (!line || *line == last_)) return unkept_;
  unkept_.clear();
  if (!line) return line;
  if (!parse_l2_token(*line)) {
    return fail(Errc::kMalformed, path_ + " holds no token (a line ID.SECONDS.MAC)");
  }
  last_ = *line;
  return line;
}

Result<void> TokenFile::keep(std::string_view token) {
  auto written = write_whole(path_, token);
  if (written) {
    unkept_.clear();
    last_ = token;
  } else {
    unkept_ = token;
  }
  return written;
}

bool TokenFile::is_open_to_others() const {
  struct stat about {};
  return stat(path_.c_str(), &about) == 0 && (about.st_mode & (S_IRGRP | S_IROTH)) != 0;
}

}  // namespace daphnis::l2
