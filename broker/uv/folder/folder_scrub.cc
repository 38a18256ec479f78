#include "broker/uv/folder/folder_scrub.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "broker/uv/folder/folder_files.h"

namespace daphnis::broker::uv {
namespace {

/// A step goes on until it has read this much, so that a small file takes one step.
constexpr uint64_t kStepBytesMin = 64 * limits::kKiB;

std::string unreadable(int64_t negative_errno) {
  return Error{Errc::kSystem, static_cast<int>(-negative_errno), "it cannot be read"}.text();
}

}  // namespace

ScrubStep FolderScrub::step() {
  ScrubStep step;
  RequestKey key;
  step.is_round_over = !file_ && !next_key(key);
  if (step.is_round_over) return step;
  if (!file_) open(key, step);
  while (file_ && step.bytes_read < kStepBytesMin) {
    if (file_->proof) {
      read_piece(step);
    } else {
      read_trailer(step);
    }
  }
  step.is_open = file_.has_value();
  return step;
}

std::optional<FileProven> FolderScrub::let_go() {
  struct stat about {};
  if (!file_ || (::fstat(file_->fd.get(), &about) == 0 && about.st_nlink > 0)) return {};
  const FileProven gone{.key = file_->key, .is_good = false};
  file_.reset();
  return gone;
}

bool FolderScrub::next_key(RequestKey& key) {
  if (!wanted_.empty()) {
    key = wanted_.front();
    wanted_.pop_front();
    return true;
  }
  if (!sample_.empty()) {
    key = sample_.back();
    sample_.pop_back();
    return true;
  }
  while (keys_.empty()) {
    if (next_folder_ == FolderPaths::kObjectFolders) {
      next_folder_ = 0;
      return false;
    }
    const unsigned number = next_folder_++;
    const std::string path = paths_.objects() + "/" + FolderPaths::object_folder(number);
    // A folder that cannot be listed is skipped; the probe and the scan report it.
    (void)for_each_name(path, [&](const std::string& name) {
      RequestKey named;
      if (parse_cache_file_name(name, named) && named[0] == number) keys_.push_back(named);
    });
  }
  key = keys_.back();
  keys_.pop_back();
  return true;
}

void FolderScrub::open(const RequestKey& key, ScrubStep& step) {
  file_.emplace();
  file_->key = key;
  const std::string path = paths_.object(key);
  file_->fd =
      daphnis::uv::UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file_->fd) {
    if (errno == EIO) return close(step, unreadable(-EIO));
    file_.reset();  // The file was evicted meanwhile, or the folder is in trouble.
    step.ended = FileProven{.key = key, .is_good = false};
    return;
  }
  (void)::posix_fadvise(file_->fd.get(), 0, 0, POSIX_FADV_RANDOM);
  struct stat about {};
  if (::fstat(file_->fd.get(), &about) != 0) return close(step, unreadable(-errno));
  const auto size = static_cast<uint64_t>(about.st_size);
  std::array<uint8_t, kCacheFooterBytes> end;
  if (size < end.size()) return close(step, "it is shorter than a footer");
  const int64_t got = read_gently(file_->fd.get(), end.data(), end.size(), size - end.size());
  if (got < 0) return close(step, unreadable(got));
  step.bytes_read += end.size();
  const auto footer = read_cache_footer(Bytes(end).first(static_cast<size_t>(got)), size);
  if (!footer) return close(step, footer.error().text());
  file_->footer = *footer;
}

void FolderScrub::read_trailer(ScrubStep& step) {
  std::vector<uint8_t> trailer(file_->footer.trailer_bytes());
  const int64_t got =
      read_gently(file_->fd.get(), trailer.data(), trailer.size(), file_->footer.body_bytes);
  if (got < 0) return close(step, unreadable(got));
  trailer.resize(static_cast<size_t>(got));
  step.bytes_read += trailer.size();
  auto proof = CachedFileProof::begin(trailer, file_->footer, file_->key);
  if (!proof) return close(step, proof.error().text());
  file_->proof = std::move(*proof);
}

void FolderScrub::read_piece(ScrubStep& step) {
  const uint64_t left = file_->footer.body_bytes - file_->offset;
  if (left == 0) {
    const auto proven = file_->proof->on_end();
    return close(step, proven ? std::string() : proven.error().text());
  }
  const size_t size = std::min<uint64_t>(left, limits::kScrubPieceBytes);
  const BufferRef buffer = BufferRef::allocate(size);
  const int64_t got = read_gently(file_->fd.get(), buffer.data(), size, file_->offset);
  if (got < 0) return close(step, unreadable(got));
  if (static_cast<size_t>(got) != size) return close(step, "it ends too early");
  step.bytes_read += size;
  file_->offset += size;
  const auto proven = file_->proof->on_body(Slice{buffer, buffer.data(), size});
  if (!proven) close(step, proven.error().text());
}

void FolderScrub::close(ScrubStep& step, std::string why) {
  ++step.files_done;
  struct stat about {};
  // A file that was evicted meanwhile is not reported as corrupt; another file may have its name by
  // now.
  const bool is_there = !file_->fd || ::fstat(file_->fd.get(), &about) != 0 || about.st_nlink > 0;
  const bool is_good = why.empty();
  if (!is_good && is_there) {
    step.corrupt = FileCorrupt{file_->key, std::move(why)};
  } else {
    step.ended = FileProven{.key = file_->key, .is_good = is_good};
  }
  file_.reset();
}

}  // namespace daphnis::broker::uv
