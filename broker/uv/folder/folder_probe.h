#pragma once

#include <string>
#include <string_view>

#include "broker/uv/folder/folder_lock.h"
#include "broker/uv/folder/folder_paths.h"

namespace daphnis::broker::uv {

/// The beginning of the names of the probe's own files in tmp/.
inline constexpr std::string_view kProbeName = "probe";

/// The result of a probe: whether files can be made, written, renamed and removed in the cache
/// folder.
struct ProbeResult {
  bool is_ok = false;
  bool is_new = false;  ///< The folder was deleted or replaced, and made and locked anew.
  std::string why;      ///< Why it is not ok, for the log.
};

/// The state before a probe.
enum class ProbeAfter : uint8_t {
  kHealth,
  kTrouble,  ///< The probe also wants free space, so that a full disk does not go up and down.
};

/// Probes the folder with a file of 4 KiB in tmp/. Makes missing folders, and takes the lock where
/// it is not held. Blocks.
[[nodiscard]] ProbeResult probe_folder(const FolderPaths& paths, FolderLock& lock,
                                       ProbeAfter after);

}  // namespace daphnis::broker::uv
