#include "worker/fetch/spool.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "common/base/limits.h"

namespace daphnis::worker {

std::string SpoolFolders::folder(ipc::SpoolPlace place) const {
  if (place == ipc::SpoolPlace::kSpoolDir) return spool_dir;
  return cache_dir.empty() ? "" : cache_dir + "/tmp";
}

bool SpoolFolders::contain(const std::string& path) const {
  if (path.find("/../") != std::string::npos) return false;
  const auto lies_in = [&](const std::string& folder) {
    return !folder.empty() && path.starts_with(folder + "/");
  };
  return lies_in(cache_dir) || lies_in(spool_dir);
}

Spool::Spool(SpoolNumber number, const CarRequest& request, uint64_t begin, bool is_for_cache,
             const SpoolFolders& folders, SpoolHost& host)
    : number_(number),
      folders_(folders),
      host_(host),
      request_(request),
      begin_(begin),
      is_for_cache_(is_for_cache),
      lister_(request),
      submitted_(begin),
      written_(begin) {
  check(begin == 0 || !is_for_cache, "only a whole answer can be kept");
}

void Spool::pump(const FetchWindow& window, std::optional<uint64_t> total, bool is_urgent,
                 uint64_t now_ms) {
  if (!is_writing()) return;
  if (is_for_cache_) list(window);
  if (total && !total_) {
    total_ = total;
    if (is_for_cache_) trailer_ = Slice::copy_of(std::move(lister_).finish());
  }
  reserve(now_ms);
  write(window, is_urgent);
}

void Spool::list(const FetchWindow& window) {
  if (total_) return;
  Slices fresh;
  window.read(lister_.bytes(), SIZE_MAX, fresh);
  for (const Slice& slice : fresh) lister_.on_bytes(slice.bytes());
  if (lister_.has_forgeable()) is_for_cache_ = false;
}

/// Asks for the bytes that are still to be written where their number is known, else for a step
/// ahead of the writing.
void Spool::reserve(uint64_t now_ms) {
  if (asked_ > 0) return;
  const uint64_t used = submitted_ - begin_;
  if (total_) {
    const uint64_t needed = *total_ - begin_ + trailer_.size;
    asked_ = needed > reserved_ ? needed - reserved_ : 0;
  } else if (reserved_ - used < limits::kSpoolStepBytes / 2) {
    asked_ = limits::kSpoolStepBytes;
  }
  if (asked_ == 0) return;
  asked_ms_ = now_ms;
  host_.tell(ipc::SpoolReserve{std::to_underlying(number_), asked_, is_for_cache_});
}

void Spool::on_reserved(const ipc::SpoolReserved& reserved) {
  if (asked_ == 0 || state_ == State::kGivenUp) return;
  if (reserved.bytes == 0) return give_up();
  asked_ = 0;
  asked_ms_.reset();
  reserved_ += reserved.bytes;
  if (state_ != State::kReserving) return;
  const std::string folder = folders_.folder(reserved.place);
  if (folder.empty()) return give_up();
  place_ = reserved.place;
  name_ = folders_.name_prefix + std::to_string(std::to_underlying(number_));
  path_ = folder + "/" + name_;
  state_ = State::kNamed;
}

void Spool::add_job(FileJob job) {
  ++jobs_;
  job.owner = std::to_underlying(number_);
  host_.add_job(std::move(job));
}

/// Writes in few, large parts, since each is a trip to another thread and the file system keeps a
/// file in larger pieces if it is written in them. The first part creates the file, the last one
/// ends it, and between them each part ends at a multiple of kSpoolPieceBytesMin.
void Spool::write(const FetchWindow& window, bool is_urgent) {
  while ((state_ == State::kNamed || state_ == State::kWriting) && !is_ended_ &&
         in_flight_ < limits::kSpoolInFlightBytesMax) {
    const uint64_t ready = window.end() - submitted_;
    const uint64_t space = reserved_ - (submitted_ - begin_);
    uint64_t size = std::min({ready, space, uint64_t{limits::kSpoolPieceBytesMax}});
    const bool is_last = total_ && submitted_ + size == *total_;
    const bool is_sealable = is_for_cache_ && asked_ == 0 && space - size >= trailer_.size;
    const bool is_end = is_last && is_sealable;
    if (size == 0 && !is_end) return;
    if (!is_last) {
      const uint64_t beyond = (submitted_ + size) % limits::kSpoolPieceBytesMin;
      const bool is_little = size <= beyond;
      if (is_little && (!is_urgent || in_flight_ > 0)) return;
      if (!is_little) size -= beyond;
    }
    write_part(window, size, is_end, is_urgent);
  }
}

void Spool::write_part(const FetchWindow& window, uint64_t size, bool is_end, bool is_urgent) {
  const bool is_first = state_ == State::kNamed;
  const bool is_small_file = is_first && is_end && size <= limits::kSpoolGatherBytesMax;
  FileJob job{.kind = is_first ? FileJob::Kind::kCreate : FileJob::Kind::kWrite,
              .path = is_first ? path_ : "",
              .file = file_,
              .offset = submitted_,
              .may_wait = is_small_file && !is_urgent};
  if (size > 0) window.read(submitted_, static_cast<size_t>(size), job.data);
  if (is_end) job.data.push_back(trailer_);
  writes_.push_back({.offset = submitted_, .size = size});
  in_flight_ += size;
  submitted_ += size;
  is_ended_ = is_end;
  state_ = is_first ? State::kCreating : (is_end ? State::kSealing : State::kWriting);
  add_job(std::move(job));
}

void Spool::on_job_done(const FileJobDone& done) {
  --jobs_;
  host_.look_at(number_);
  if (done.kind == FileJob::Kind::kCreate) return on_created(done);
  if (state_ == State::kGivenUp) return;
  if (done.error != 0) return give_up_for(done.error);
  if (done.kind == FileJob::Kind::kWrite) on_written(done);
  if (done.kind == FileJob::Kind::kSync) say_done();
}

void Spool::on_created(const FileJobDone& done) {
  is_made_ = done.file != nullptr;
  if (!is_made_) path_.clear();  // There is no file of this spool at that path.
  if (state_ == State::kGivenUp) return unlink();
  if (done.error != 0) return give_up_for(done.error);
  file_ = done.file;
  state_ = is_ended_ ? State::kSealing : State::kWriting;
  on_written(done);
}

void Spool::on_written(const FileJobDone& done) {
  const auto write = std::ranges::find(writes_, done.offset, &Write::offset);
  check(write != writes_.end(), "a write ended that was not under way");
  write->is_done = true;
  in_flight_ -= write->size;
  while (!writes_.empty() && writes_.front().is_done) {
    written_ = writes_.front().offset + writes_.front().size;
    writes_.pop_front();
  }
  if (state_ != State::kSealing || !writes_.empty()) return;
  if (folders_.syncs_files) {
    add_job({.kind = FileJob::Kind::kSync, .file = file_});
  } else {
    say_done();
  }
}

void Spool::unlink() {
  if (is_made_) add_job({.kind = FileJob::Kind::kUnlink, .path = path_});
}

void Spool::say_done() {
  state_ = State::kSealed;
  const Bytes root = request_.root.bytes();
  host_.tell(ipc::SpoolDone{.spool = std::to_underlying(number_),
                            .name = name_,
                            .key = key_of(request_),
                            .root = {root.begin(), root.end()},
                            .size = *total_ + trailer_.size,
                            .denylist_id = judged_by_});
}

void Spool::give_up_for(int error) {
  error_ = error;
  give_up();
}

void Spool::give_up() {
  if (state_ >= State::kSealed) return;
  state_ = State::kGivenUp;
  asked_ = 0;
  asked_ms_.reset();
  trailer_ = {};
  unlink();
  if (is_released_) file_.reset();
}

void Spool::on_stored() {
  state_ = State::kStored;
  host_.look_at(number_);
}

void Spool::on_closed() {
  is_closed_ = true;
  host_.look_at(number_);
}

void Spool::release() {
  is_released_ = true;
  if (state_ <= State::kWriting) give_up();
  file_.reset();
  host_.look_at(number_);
}

bool Spool::is_over() const {
  const bool is_done = state_ == State::kStored || state_ == State::kGivenUp;
  return is_done && is_released_ && jobs_ == 0 && (is_closed_ || !is_made_);
}

void Spool::on_broker_up() {
  if (!path_.empty() && state_ != State::kStored) {
    host_.tell(ipc::SpoolHeld{std::to_underlying(number_), reserved_, place_, name_});
  }
  if (asked_ > 0) host_.tell(ipc::SpoolReserve{std::to_underlying(number_), asked_, is_for_cache_});
  if (state_ == State::kSealed) say_done();
}

}  // namespace daphnis::worker
