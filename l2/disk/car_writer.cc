#include "l2/disk/car_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "common/core/car.h"

namespace daphnis::l2 {
namespace {

constexpr size_t kBufferBytes = 256 * limits::kKiB;

}  // namespace

Result<CarWriter> CarWriter::create(const std::string& path, const Cid& root) {
  const size_t slash = path.rfind('/');
  const size_t name_at = slash == std::string::npos ? 0 : slash + 1;
  std::string temporary = path.substr(0, name_at) + "." + path.substr(name_at) + ".XXXXXX";
  const int fd = mkostemp(temporary.data(), O_CLOEXEC);
  if (fd < 0) return fail_sys(errno, "cannot write beside " + path);
  // mkostemp gives 0600, whatever the umask would allow.
  const mode_t mask = umask(0);
  umask(mask);
  CarWriter writer(File(fd, path), std::move(temporary), path);
  if (fchmod(fd, 0666 & ~mask) != 0) return fail_sys(errno, "cannot write " + path);
  writer.buffer_.reserve(kBufferBytes);
  std::array<uint8_t, kCarHeaderWrittenMax> header;
  const size_t size = write_car_header(root, header);
  if (auto put = writer.append(Bytes(header).first(size)); !put)
    return std::unexpected(put.error());
  return writer;
}

CarWriter::CarWriter(CarWriter&& other) noexcept
    : file_(std::move(other.file_)),
      temporary_(std::exchange(other.temporary_, {})),
      path_(std::move(other.path_)),
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
  if (rename(temporary_.c_str(), path_.c_str()) != 0) {
    return fail_sys(errno, "cannot give " + path_ + " its name");
  }
  temporary_.clear();
  return {};
}

}  // namespace daphnis::l2
