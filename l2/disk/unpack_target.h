#pragma once

#include <string>

#include "common/base/result.h"
#include "l2/disk/file.h"

namespace daphnis::l2 {

/// Where an unpack writes: a hidden folder beside the wanted path, whose one entry takes that path
/// at the end. What is not committed is removed with all that is in it. Owned by an unpack.
class UnpackTarget {
 public:
  /// The name of what is to become the wanted path, inside folder().
  static constexpr const char* kName = "content";

  /// Errors: kInvalid (something is at `path` already, or it is "-"), kSystem.
  [[nodiscard]] static Result<UnpackTarget> create(const std::string& path);
  UnpackTarget(UnpackTarget&& other) noexcept;
  UnpackTarget& operator=(UnpackTarget&&) = delete;
  ~UnpackTarget();

  [[nodiscard]] int folder() const { return folder_.fd(); }
  /// Errors: kInvalid (something came to be at the path meanwhile), kSystem.
  [[nodiscard]] Result<void> commit();

 private:
  UnpackTarget(File folder, std::string temporary, std::string path)
      : folder_(std::move(folder)), temporary_(std::move(temporary)), path_(std::move(path)) {}

  File folder_;
  std::string temporary_;  ///< Empty once moved from.
  std::string path_;
};

}  // namespace daphnis::l2
