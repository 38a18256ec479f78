#include "worker/uv/file_sender.h"

#include <sys/sendfile.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "common/base/limits.h"
#include "worker/uv/page_cache.h"
#include "worker/uv/system_file.h"

namespace daphnis::worker::uv {
namespace {

/// Bytes of a file without checksums that are looked at together: they stay in the processor's
/// cache for what is done with them next.
constexpr size_t kLookBytes = 64 * limits::kKiB;

/// True where an errno of sendfile(), which reports faults of both its ends, is the file's.
bool is_of_file(int error) {
  constexpr std::array kErrors = {EIO, ENXIO, ENODATA, EBADMSG, ESTALE, EUCLEAN, EINVAL, EOVERFLOW};
  return std::ranges::find(kErrors, error) != kErrors.end();
}

}  // namespace

/// A read in the thread pool; shared with its thread.
struct FileSender::Warming {
  FileRange range;
  FileRead read = {};
};

FileSender::FileSender(daphnis::uv::Loop& loop, std::function<void()> on_warm)
    : on_warm_(std::move(on_warm)), task_(loop) {}

size_t FileSender::Known::begins(const FileRange& range) const {
  if (range.file.get() != file || range.offset < begin || range.offset >= end) return 0;
  return static_cast<size_t>(std::min(range.size, end - range.offset));
}

FileSent FileSender::send(int socket, const FileRange& piece) {
  using Outcome = FileSent::Outcome;
  if (std::exchange(is_lost_, false)) return {.outcome = Outcome::kFileLost, .error = lost_error_};
  size_t size = known_.begins(piece);
  if (size < piece.size) {
    const uint64_t rest = piece.offset + size;
    const FileRead look = probe(piece.file->descriptor(), rest, piece.size - size);
    if (look.outcome == FileRead::Outcome::kDone) {
      known_ = {piece.file.get(), piece.offset, piece.offset + piece.size};
      size = static_cast<size_t>(piece.size);
    } else if (size == 0 && look.outcome == FileRead::Outcome::kCold) {
      read_ahead(piece);
      return {.outcome = Outcome::kCold};
    } else if (size == 0) {
      return {.outcome = Outcome::kFileLost, .error = look.error};
    }
  }
  auto at = static_cast<off_t>(piece.offset);
  while (true) {
    const ssize_t sent = ::sendfile(socket, piece.file->descriptor(), &at, size);
    if (sent > 0) {
      const auto bytes = static_cast<size_t>(sent);
      return {.bytes = bytes, .is_socket_full = bytes < size};
    }
    if (sent == 0) return {.outcome = Outcome::kFileLost};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == ENOBUFS) return {.outcome = Outcome::kBlocked};
    if (is_of_file(errno)) return {.outcome = Outcome::kFileLost, .error = errno};
    return {.outcome = Outcome::kSocketLost};
  }
}

/// Looks at one piece of a file with checksums at most, else at kLookBytes.
FileBytes FileSender::look(const FileRange& piece) {
  using Outcome = FileBytes::Outcome;
  thread_local std::vector<uint8_t> scratch(std::max(kCachePieceBytes, kLookBytes));
  if (std::exchange(is_lost_, false)) return {.outcome = Outcome::kFileLost, .error = lost_error_};
  const PieceSums* sums = sums_of(*piece.file);
  FileRange whole{piece.file, piece.offset, std::min<uint64_t>(piece.size, kLookBytes)};
  if (sums) {
    const auto place = sums->around(piece.offset, 1);
    whole = {piece.file, place.offset, place.size};
  }
  const std::span<uint8_t> bytes = std::span(scratch).first(whole.size);
  // What was read ahead a moment ago may be waited for: some systems cannot tell that it is in
  // memory.
  const Reader read = known_.begins(whole) == whole.size ? read_waiting : read_cached;
  const int fd = piece.file->descriptor();
  const FileRead done =
      sums ? read_checked(fd, *sums, whole.offset, bytes, read) : read(fd, whole.offset, bytes);
  if (done.outcome == FileRead::Outcome::kCold) {
    read_ahead(sums ? whole : piece);
    return {.outcome = Outcome::kCold};
  }
  if (sums) known_ = {};
  if (done.outcome == FileRead::Outcome::kLost) {
    return {.outcome = Outcome::kFileLost, .error = done.error};
  }
  const auto skipped = static_cast<size_t>(piece.offset - whole.offset);
  return {.bytes = bytes.subspan(skipped, std::min<uint64_t>(piece.size, whole.size - skipped))};
}

void FileSender::read_ahead(const FileRange& piece) {
  auto warming = std::make_shared<Warming>(Warming{.range = piece});
  task_.start(
      [warming] {
        const FileRange& range = warming->range;
        warming->read = warm_up(range.file->descriptor(), range.offset, range.size);
      },
      [this, warming] {
        const FileRange& range = warming->range;
        is_lost_ = warming->read.outcome == FileRead::Outcome::kLost;
        lost_error_ = warming->read.error;
        // The range counts as known from now on, even on systems that cannot tell whether it is in
        // memory.
        known_ = {range.file.get(), range.offset, range.offset + range.size};
        const auto on_warm = on_warm_;
        on_warm();
      });
}

}  // namespace daphnis::worker::uv
