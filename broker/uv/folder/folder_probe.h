#pragma once

#include <string>
#include <string_view>

#include "broker/uv/folder/folder_lock.h"
#include "broker/uv/folder/folder_paths.h"

namespace daphnis::broker::uv {

/// What the names of the probe's own files in tmp/ begin with.
inline constexpr std::string_view kProbeName = "probe";

/// Whether files can be made, written, renamed and removed in the cache folder right now.
struct ProbeResult {
  bool is_ok = false;
  bool is_new = false;  ///< The folder was deleted or replaced; it was made and locked anew.
  std::string why;      ///< Where it is not ok: for a person.
};

enum class ProbeAfter : uint8_t {
  kHealth,
  kTrouble,  ///< Also wants some room free, lest a full disk goes up and down with each byte.
};

/// Tries it with a file of 4 KiB in tmp/. Makes what is missing of the folders and takes the lock
/// where it is not held. Blocks.
[[nodiscard]] ProbeResult probe_folder(const FolderPaths& paths, FolderLock& lock,
                                       ProbeAfter after);

}  // namespace daphnis::broker::uv
