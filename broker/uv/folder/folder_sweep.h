#pragma once

#include <cstddef>
#include <ctime>
#include <string>

#include "broker/uv/folder/folder_paths.h"

namespace daphnis::broker::uv {

/// Removes from tmp/ and from the spool folder the strays, files that no living process writes:
/// those of workers that died (a spool is called INDEX-PID-NUMBER), even where another process has
/// their pid by now, and files with any other kind of name. Files changed less than `quiet_s`
/// seconds ago stay until the next sweep. A living worker's files stay, even of one that this
/// broker does not know. The broker and its workers must see the same process ids. Returns the
/// number removed. Blocks.
size_t sweep_spools(const FolderPaths& paths, time_t quiet_s);

/// Sweeps one folder in the same way.
size_t sweep_folder(const std::string& folder, time_t quiet_s);

}  // namespace daphnis::broker::uv
