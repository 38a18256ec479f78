#pragma once

#include <sys/stat.h>

#include <string>

#include "common/base/result.h"
#include "common/uv/fd.h"

/// The rule for every path of ours (cache, spool, run and log folders, stats and log files, the
/// workers' socket): every folder on the path belongs to our user or to root, and nobody else may
/// write in it, so that nobody can replace the file at its end. Folders with the sticky bit (/tmp,
/// /dev/shm) are allowed above the last folder, since nobody can rename another user's entries
/// there. Symbolic links on the way must be our user's or root's; the file or folder at the end
/// must not be a link. A path that passes can be used by its name from then on. deploy/lib/owned.sh
/// holds the same rule for the scripts.
///
/// All functions block. Errors: kInvalid where the rule is broken (the text names the path, what is
/// wrong and what to do), kSystem. Relative paths start in the working directory.
namespace daphnis::uv {

/// True where the file or folder belongs to our user or to root and nobody else may write to it.
[[nodiscard]] bool is_owned(const struct stat& about);

/// Opens an existing folder with O_PATH, for use with the *at calls.
[[nodiscard]] Result<UniqueFd> open_owned_folder(const std::string& path);

/// The same, but makes the folder and missing folders above it, with `mode`.
[[nodiscard]] Result<UniqueFd> make_owned_folder(const std::string& path, mode_t mode);

/// Makes the folder `name` in the folder `parent`, or checks an existing one. `parent` has passed
/// the rule before; `parent_path` is for error texts.
[[nodiscard]] Result<void> make_owned_folder_in(int parent, const std::string& parent_path,
                                                const std::string& name, mode_t mode);

/// Opens a file with open(2)'s `flags` and, where they say O_CREAT, `mode`; O_NONBLOCK and
/// O_CLOEXEC are added. The file may lie in a sticky folder. An existing file must be our user's or
/// root's, must not be writable by others unless it is a device, and must have no second name where
/// it lies in a sticky folder. O_TRUNC takes effect only after these checks.
[[nodiscard]] Result<UniqueFd> open_owned_file(const std::string& path, int flags,
                                               mode_t mode = 0640);

/// Makes sure that a Unix socket can be bound to `path` (at most 107 bytes): unlinks a socket there
/// that is our user's and that nobody listens on. Errors: kInvalid also where anything else lies
/// there.
[[nodiscard]] Result<void> remove_dead_socket(const std::string& path);

}  // namespace daphnis::uv
