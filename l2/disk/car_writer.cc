#include "l2/disk/car_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "common/ipld/car.h"

namespace daphnis::l2 {
namespace {

constexpr size_t kBufferBytes = 256 * limits::kKiB;

}  // namespace

std::unexpected<Error> output_exists(const std::string& path) {
  return fail(Errc::kInvalid, path + " exists already (--force replaces it)");
}

Result<CarWriter> CarWriter::on_standard_output(const Cid& root) {
  if (isatty(STDOUT_FILENO) == 1) {
    return fail(Errc::kInvalid,
                "standard output is a terminal, which takes no CAR: send it "
                "somewhere, or name a file");
  }
  const int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
  if (fd < 0) return fail_sys(errno, "there is no standard output");
  CarWriter writer(File(fd, "standard output"), {}, {}, false);
  if (auto begun = writer.begin(root); !begun) return std::unexpected(begun.error());
  return writer;
}

Result<CarWriter> CarWriter::create(const std::string& path, const Cid& root, bool replaces) {
  const size_t slash = path.rfind('/');
  const size_t name_at = slash == std::string::npos ? 0 : slash + 1;
  std::string temporary = path.substr(0, name_at) + "." + path.substr(name_at) + ".XXXXXX";
  const int fd = mkostemp(temporary.data(), O_CLOEXEC);
  if (fd < 0) return fail_sys(errno, "cannot write beside " + path);
  // mkostemp makes a file of mode 0600, whatever the umask allows.
  const mode_t mask = umask(0);
  umask(mask);
  CarWriter writer(File(fd, path), std::move(temporary), path, replaces);
  if (fchmod(fd, 0666 & ~mask) != 0) return fail_sys(errno, "cannot write " + path);
  if (auto begun = writer.begin(root); !begun) return std::unexpected(begun.error());
  return writer;
}

Result<void> CarWriter::begin(const Cid& root) {
  buffer_.reserve(kBufferBytes);
  std::array<uint8_t, kCarHeaderWrittenMax> header;
  const size_t size = write_car_header(root, header);
  return append(Bytes(header).first(size));
}

CarWriter::CarWriter(CarWriter&& other) noexcept
    : file_(std::move(other.file_)),
      temporary_(std::exchange(other.temporary_, {})),
      path_(std::move(other.path_)),
      replaces_(other.replaces_),
      buffer_(std::move(other.buffer_)),
      written_(std::move(other.written_)) {}

CarWriter::~CarWriter() {
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

Result<void> CarWriter::append(Bytes bytes) {
  if (buffer_.size() + bytes.size() > kBufferBytes) {
    if (auto flushed = flush(); !flushed) return flushed;
  }
  if (bytes.size() > kBufferBytes) return file_.write(bytes);
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  return {};
}

Result<void> CarWriter::flush() {
  auto written = file_.write(buffer_);
  buffer_.clear();
  return written;
}

Result<void> CarWriter::put(const Cid& cid, Bytes block) {
  if (!written_.insert(CidKey(cid)).second) return {};
  std::array<uint8_t, kSectionHeadBytesMax> head;
  const size_t size = write_section_head(cid, block.size(), head);
  if (auto put = append(Bytes(head).first(size)); !put) return put;
  return append(block);
}

Result<void> CarWriter::commit() {
  if (auto flushed = flush(); !flushed) return flushed;
  if (temporary_.empty()) return {};
  const char* from = temporary_.c_str();
  int error = renameat2(AT_FDCWD, from, AT_FDCWD, path_.c_str(), replaces_ ? 0 : RENAME_NOREPLACE);
  // Not every file system knows RENAME_NOREPLACE; there only the check before the work protects.
  if (error != 0 && errno == EINVAL) error = rename(from, path_.c_str());
  if (error != 0 && errno == EEXIST) return output_exists(path_);
  if (error != 0) return fail_sys(errno, "cannot give " + path_ + " its name");
  temporary_.clear();
  return {};
}

}  // namespace daphnis::l2
