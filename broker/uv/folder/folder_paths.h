#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/request/car_request.h"

namespace daphnis::broker::uv {

/// The cache folder's and the spool folder's layout (docs/cache.md). All functions here block: they
/// are for the thread pool and for the start.
struct FolderPaths {
  std::string dir;        ///< Absolute; empty: no cache.
  std::string spool_dir;  ///< Absolute; empty: none.

  [[nodiscard]] std::string objects() const { return dir + "/objects"; }
  [[nodiscard]] std::string object(const RequestKey& key) const;
  [[nodiscard]] std::string tmp() const { return dir + "/tmp"; }
  [[nodiscard]] std::string quarantine() const { return dir + "/quarantine"; }
  [[nodiscard]] std::string lock() const { return dir + "/lock"; }
  [[nodiscard]] std::string index() const { return dir + "/index"; }
  /// Of the CountingBloomFilter's memory; named as spools are, so that a sweep takes what a dead
  /// broker left. Empty: there is no place in memory for it.
  [[nodiscard]] std::string filter() const;

  /// Makes what is missing of the cache folder; what is there stays, if it follows the rule for
  /// paths of ours (owned_path.h). Errors: kSystem, kInvalid (it does not).
  [[nodiscard]] Result<void> make_cache_tree() const;
  /// Makes the spool folder, for our user alone. Errors: kSystem, kInvalid (somebody else's).
  [[nodiscard]] Result<void> make_spool_dir() const;
  /// The absolute path again where it is a file right in tmp/ or in the spool folder; else empty.
  [[nodiscard]] std::string spool(std::string_view path) const;
};

/// What a spool's file may be called: one path segment, not hidden.
[[nodiscard]] bool is_spool_name(std::string_view name);

/// True where the disk is in a state that passes, rather than the setting wrong. `sys` is an errno.
[[nodiscard]] bool may_pass(int sys);

/// True where the folder as a whole is at fault (full, read-only, gone, broken, out of descriptors)
/// rather than one file. `sys` is an errno; includes what may_pass().
[[nodiscard]] bool is_folder_trouble(int sys);

}  // namespace daphnis::broker::uv
