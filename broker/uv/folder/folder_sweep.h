#pragma once

#include <cstddef>
#include <ctime>
#include <string>

#include "broker/uv/folder/folder_paths.h"

namespace daphnis::broker::uv {

/// Removes from tmp/ and from the spool folder what no living process writes: files of workers that
/// died (a spool is called INDEX-PID-NUMBER), also where their pid was given to somebody else
/// since, and whatever has another kind of name. Files changed less than `quiet_s` ago stay for the
/// next time. What a living worker owns is its own affair, whether this broker has heard of it or
/// not. The broker and its workers must see the same process ids. Returns how many it removed.
/// Blocks.
size_t sweep_spools(const FolderPaths& paths, time_t quiet_s);

/// The same in one folder.
size_t sweep_folder(const std::string& folder, time_t quiet_s);

}  // namespace daphnis::broker::uv
