#pragma once

#include <optional>
#include <utility>

#include "common/cachefile/piece_sums.h"
#include "common/uv/fd.h"
#include "worker/base/files.h"

namespace daphnis::worker::uv {

/// A File that the system opened. Reads name their offset, so any number of readers share it.
class SystemFile final : public File {
 public:
  explicit SystemFile(daphnis::uv::UniqueFd fd, std::optional<PieceSums> sums = std::nullopt)
      : fd_(std::move(fd)), sums_(std::move(sums)) {}
  [[nodiscard]] int descriptor() const override { return fd_.get(); }
  /// The checksums of the file's pieces; null where it is not to be checked.
  [[nodiscard]] const PieceSums* sums() const { return sums_ ? &*sums_ : nullptr; }

 private:
  daphnis::uv::UniqueFd fd_;
  std::optional<PieceSums> sums_;
};

/// The checksums of a file that the shell made.
[[nodiscard]] inline const PieceSums* sums_of(const File& file) {
  const auto* system_file = dynamic_cast<const SystemFile*>(&file);
  return system_file ? system_file->sums() : nullptr;
}

}  // namespace daphnis::worker::uv
