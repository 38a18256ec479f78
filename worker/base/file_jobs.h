#pragma once

#include <cstdint>
#include <string>

#include "common/base/slice.h"
#include "worker/base/files.h"

namespace daphnis::worker {

/// Work on a file that may take time: the core asks for it, the shell does it outside the event
/// loop and reports the end as a FileJobDone. Several jobs at once may end in any sequence.
struct FileJob {
  enum class Kind : uint8_t {
    kCreate,  ///< Creates `path`, which must not exist, and writes as kWrite does.
    kWrite,   ///< Writes all of `data` at `offset` of `file`.
    kSync,    ///< Waits until what was written to `file` is on the disk.
    kUnlink,  ///< Unlinks `path`; one that does not exist is no error.
    kOpen,    ///< Opens `path` for reading.
  };

  Kind kind = Kind::kCreate;
  /// The job's owner, a SpoolNumber or, for kOpen, a FetchId. The shell passes it on to
  /// FileJobDone.
  uint64_t owner = 0;
  std::string path = {};
  FileRef file = {};
  uint64_t offset = 0;
  Slices data = {};  ///< The bytes must stay unchanged until the job is done.
  /// The job may be delayed by kSpoolGatherMs, to be done together with others.
  bool may_wait = false;
};

struct FileJobDone {
  FileJob::Kind kind = FileJob::Kind::kCreate;
  uint64_t owner = 0;
  int error = 0;          ///< An errno; 0 where the job succeeded.
  std::string path = {};  ///< The job's path.
  FileRef file = {};      ///< The file of kOpen, and of kCreate even where only the writing failed.
  uint64_t offset = 0;    ///< The job's offset.
};

}  // namespace daphnis::worker
