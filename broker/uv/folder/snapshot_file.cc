#include "broker/uv/folder/snapshot_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "broker/uv/folder/folder_files.h"

namespace daphnis::broker::uv {

SnapshotFile::~SnapshotFile() {
  if (file_) (void)::unlink(path_.c_str());
}

Result<void> SnapshotFile::begin() {
  if (file_) return {};
  (void)::unlink(path_.c_str());  // A broker that was killed may have left it.
  file_ =
      daphnis::uv::UniqueFd(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640));
  if (!file_) return fail_sys(errno, "cannot make " + path_);
  std::vector<uint8_t> head;
  put_snapshot_head(head);
  return write(head);
}

Result<void> SnapshotFile::write(const std::vector<uint8_t>& bytes) {
  const int sys = write_all(file_.get(), bytes.data(), bytes.size());
  if (sys != 0) return fail_sys(sys, "cannot write " + path_);
  return {};
}

Result<void> SnapshotFile::append(std::span<const CacheEntry> entries) {
  if (auto begun = begin(); !begun) return begun;
  std::vector<uint8_t> frame;
  put_snapshot_frame(entries, frame);
  return write(frame);
}

Result<void> SnapshotFile::finish() {
  if (auto begun = begin(); !begun) return begun;
  std::vector<uint8_t> end;
  put_snapshot_end(end);
  if (auto written = write(end); !written) return written;
  if (::fdatasync(file_.get()) != 0) return fail_sys(errno, "cannot sync " + path_);
  if (::rename(path_.c_str(), index_.c_str()) != 0) {
    return fail_sys(errno, "cannot rename " + path_);
  }
  file_.reset();
  return {};
}

}  // namespace daphnis::broker::uv
