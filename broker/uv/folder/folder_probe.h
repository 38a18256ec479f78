#pragma once

#include <string_view>

#include "broker/folder/folder_disk.h"
#include "broker/uv/folder/folder_lock.h"
#include "broker/uv/folder/folder_paths.h"

namespace daphnis::broker::uv {

/// The beginning of the names of the probe's own files in tmp/.
inline constexpr std::string_view kProbeName = "probe";

/// Probes the folder with a file of 4 KiB in tmp/. Makes missing folders, and takes the lock where
/// it is not held. Blocks.
[[nodiscard]] ProbeResult probe_folder(const FolderPaths& paths, FolderLock& lock,
                                       ProbeAfter after);

}  // namespace daphnis::broker::uv
