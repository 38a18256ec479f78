#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/request/car_request.h"

namespace daphnis::broker::uv {

/// The layout of the cache folder and the spool folder (docs/cache.md). Functions that make folders
/// block; they are for the thread pool and for the start.
struct FolderPaths {
  std::string dir;        ///< Absolute; empty: no cache.
  std::string spool_dir;  ///< Absolute; empty: none.

  /// The folders below objects(), one for each first byte of a key.
  static constexpr unsigned kObjectFolders = 256;

  [[nodiscard]] std::string objects() const { return dir + "/objects"; }
  /// The name of one of them, below kObjectFolders.
  [[nodiscard]] static std::string object_folder(unsigned number);
  [[nodiscard]] std::string object(const RequestKey& key) const;
  [[nodiscard]] std::string tmp() const { return dir + "/tmp"; }
  [[nodiscard]] std::string quarantine() const { return dir + "/quarantine"; }
  [[nodiscard]] std::string lock() const { return dir + "/lock"; }
  [[nodiscard]] std::string index() const { return dir + "/index"; }
  /// The path of the CountingBloomFilter's shared memory. Its name is a spool's, so that a sweep
  /// removes the file of a dead broker. Empty: there is no cache or no spool folder.
  [[nodiscard]] std::string filter() const;

  /// Makes the missing folders of the cache folder. Errors: kSystem, kInvalid (a folder breaks the
  /// rule for our own paths, owned_path.h).
  [[nodiscard]] Result<void> make_cache_tree() const;
  /// Makes the spool folder, for our user alone. Errors: kSystem, kInvalid (it is somebody else's).
  [[nodiscard]] Result<void> make_spool_dir() const;
  /// The given path where it names a file directly in tmp/ or in the spool folder; else empty.
  [[nodiscard]] std::string spool(std::string_view path) const;
};

/// True for a name that a spool's file may have: one path segment, not hidden.
[[nodiscard]] bool is_spool_name(std::string_view name);

/// True for an errno of a disk whose trouble may pass; false where a setting seems to be wrong.
[[nodiscard]] bool may_pass(int sys);

/// True for an errno that tells of the folder as a whole (full, read-only, gone, broken, out of
/// descriptors) rather than of one file; also for each that may_pass().
[[nodiscard]] bool is_folder_trouble(int sys);

}  // namespace daphnis::broker::uv
