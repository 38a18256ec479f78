#pragma once

#include <cstdint>
#include <string>

#include "common/base/slice.h"
#include "worker/base/files.h"

namespace daphnis::worker {

/// Work on a file that may take time: the core orders it, the shell does it elsewhere than on the
/// event loop, and says how it went. Jobs that are under way at once may end in any order.
struct FileJob {
  enum class Kind : uint8_t {
    kCreate,  ///< Makes `path`, which must not be there, and writes as kWrite does.
    kWrite,   ///< All of `data` at `offset` of `file`.
    kSync,    ///< What was written to `file` is on the disk.
    kUnlink,  ///< `path`; one that is not there is fine.
    kOpen,    ///< `path` for reading.
  };

  Kind kind = Kind::kCreate;
  uint64_t owner = 0;  ///< Whom its end is for; drawn from the Worker's numbers.
  std::string path = {};
  FileRef file = {};
  uint64_t offset = 0;
  Slices data = {};       ///< Stays as it is until the job is done.
  bool may_wait = false;  ///< Nobody waits for it: it may be done a moment later, with others.
};

struct FileJobDone {
  FileJob::Kind kind = FileJob::Kind::kCreate;
  uint64_t owner = 0;
  int error = 0;          ///< Of errno; 0: done.
  std::string path = {};  ///< As ordered.
  FileRef file = {};      ///< Of kOpen; of kCreate also where only the writing failed.
  uint64_t offset = 0;    ///< As ordered.
};

}  // namespace daphnis::worker
