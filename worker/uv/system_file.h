#pragma once

#include <utility>

#include "common/uv/fd.h"
#include "worker/core/files.h"

namespace daphnis::worker::uv {

/// A File of the system's. Reading it needs no position, so any number of readers share it.
class SystemFile final : public File {
 public:
  explicit SystemFile(daphnis::uv::UniqueFd fd) : fd_(std::move(fd)) {}
  [[nodiscard]] int descriptor() const override { return fd_.get(); }

 private:
  daphnis::uv::UniqueFd fd_;
};

}  // namespace daphnis::worker::uv
