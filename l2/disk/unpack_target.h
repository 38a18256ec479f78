#pragma once

#include <string>

#include "common/base/result.h"
#include "l2/disk/file.h"

namespace daphnis::l2 {

/// The place an unpack writes to: a hidden folder beside the wanted path. Its one entry is moved to
/// that path at the end; a folder that is not committed is removed with all its content. Owned by
/// an unpack.
class UnpackTarget {
 public:
  /// The name, inside folder(), of the entry that commit() moves to the wanted path.
  static constexpr const char* kName = "content";

  /// Errors: kInvalid (`path` exists already, or is "-"), kSystem.
  [[nodiscard]] static Result<UnpackTarget> create(const std::string& path);
  UnpackTarget(UnpackTarget&& other) noexcept;
  UnpackTarget& operator=(UnpackTarget&&) = delete;
  ~UnpackTarget();

  [[nodiscard]] int folder() const { return folder_.fd(); }
  /// Errors: kInvalid (the path has been made meanwhile), kSystem.
  [[nodiscard]] Result<void> commit();

 private:
  UnpackTarget(File folder, std::string temporary, std::string path)
      : folder_(std::move(folder)), temporary_(std::move(temporary)), path_(std::move(path)) {}

  File folder_;
  std::string temporary_;  ///< Empty once moved from.
  std::string path_;
};

}  // namespace daphnis::l2
