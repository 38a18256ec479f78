#pragma once

#include "broker/uv/folder/folder_paths.h"
#include "common/request/car_request.h"

namespace daphnis::broker::uv {

/// Moves the key's file to quarantine/KEY.N, N counting up, and removes the oldest files there
/// until at most kQuarantineFilesMax and kQuarantineBytesMax are left; a file larger than that is
/// not kept. False: the file could not be moved and still is under objects/. Blocks.
[[nodiscard]] bool quarantine_file(const FolderPaths& paths, const RequestKey& key);

}  // namespace daphnis::broker::uv
