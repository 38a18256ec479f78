#pragma once

#include <sys/stat.h>

#include <string>

#include "common/base/result.h"
#include "common/uv/fd.h"

/// The rule for every path of ours (cache, spool, run and log folders, stats and log files, the
/// workers' socket): every folder down to it belongs to our user or to root and nobody else may
/// write in it, so that nobody can put something else in its place; folders with the sticky bit
/// (/tmp, /dev/shm) are allowed above it, since nobody can rename what is another's there. Symbolic
/// links on the way must be our user's or root's; what we make, open or unlink at the end is never
/// one. A path that passes can be used by its name from then on. deploy/lib/owned.sh holds the
/// same rule for the scripts.
///
/// All functions block. Errors: kInvalid where the rule is broken (the text names the path, what is
/// wrong and what to do), kSystem. Relative paths start in the working directory.
namespace daphnis::uv {

/// Whether the thing belongs to our user or to root and nobody else may write to it.
[[nodiscard]] bool is_owned(const struct stat& about);

/// Opens a folder that is there (O_PATH: good for the *at calls).
[[nodiscard]] Result<UniqueFd> open_owned_folder(const std::string& path);

/// The same; makes it, and what is missing above it, with `mode`.
[[nodiscard]] Result<UniqueFd> make_owned_folder(const std::string& path, mode_t mode);

/// Makes the folder `name` right in `parent`, which has passed and whose path is for error texts,
/// or checks the one that is there.
[[nodiscard]] Result<void> make_owned_folder_in(int parent, const std::string& parent_path,
                                                const std::string& name, mode_t mode);

/// Opens a file with open(2)'s `flags` and, where they say O_CREAT, `mode`; without waiting
/// (O_NONBLOCK) and not across an exec. It may lie in a sticky folder. What is there must be ours
/// or root's, not writable by others unless it is a device, and, in a sticky folder, must have no
/// second name. O_TRUNC takes effect only after all that is known.
[[nodiscard]] Result<UniqueFd> open_owned_file(const std::string& path, int flags,
                                               mode_t mode = 0640);

/// Clears the way for a Unix socket at `path`, of at most 107 bytes: unlinks a socket there that
/// is our user's and that nobody listens at. Errors: kInvalid also where anything else lies there.
[[nodiscard]] Result<void> remove_dead_socket(const std::string& path);

}  // namespace daphnis::uv
