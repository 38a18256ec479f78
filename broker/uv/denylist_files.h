#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "broker/base/denials.h"
#include "common/base/result.h"
#include "common/denylist/denylist_parser.h"
#include "common/uv/pool_task.h"

namespace daphnis::broker::uv {

/// The files of --denylist, in the order in which they count.
struct DenylistSettings {
  std::vector<std::string> files = {};  ///< At most kDenyFilesMax; none: nothing is denied.
  /// A folder in memory, of our own, in which workers find the list; there must be one.
  std::string dir = {};
};

/// A list that has been read.
struct ReadDenylist {
  DenylistInForce list = {};
  DenylistCounts counts = {};
};

/// Reads the files and writes the table, to a file in `dir` whose name no other one of this process
/// has. Blocks, for seconds where there are millions of lines. Errors: kMalformed, kUnsupported,
/// kTooLarge (with "FILE:LINE: " in front), kInvalid, kSystem.
[[nodiscard]] Result<ReadDenylist> read_denylist(const DenylistSettings& settings);
/// Reads the files as far as that finds faults. Errors: the same.
[[nodiscard]] Result<void> check_denylist(const std::vector<std::string>& files);

/// Reads the files anew in the thread pool, whenever it is asked to. Owned by the Shell.
class DenylistReload {
 public:
  using Done = std::function<void(Result<ReadDenylist>)>;

  DenylistReload(daphnis::uv::Loop& loop, const DenylistSettings& settings, Done done)
      : settings_(settings), done_(std::move(done)), task_(loop) {}

  /// Reads them now, or once more after the reading under way, which may have begun too early.
  void start();

 private:
  const DenylistSettings& settings_;
  Done done_;
  daphnis::uv::PoolTask task_;
  bool is_wanted_again_ = false;
};

}  // namespace daphnis::broker::uv
