#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "worker/base/files.h"

namespace daphnis::worker::test {

/// A file without a disk.
class MemoryFile final : public File {
 public:
  explicit MemoryFile(std::string bytes) : bytes_(std::move(bytes)) {}

  [[nodiscard]] int descriptor() const override { return -1; }

  /// The bytes that are there of `size` at `offset`; none of a broken file.
  [[nodiscard]] std::string_view at(uint64_t offset, uint64_t size) const {
    if (error_ != 0 || offset >= bytes_.size()) return {};
    return std::string_view(bytes_).substr(offset, size);
  }
  [[nodiscard]] int error() const { return error_; }
  [[nodiscard]] uint64_t size() const { return bytes_.size(); }

  void break_with(int error) { error_ = error; }
  void cut_to(size_t size) { bytes_.resize(size); }
  void append(std::string_view bytes) { bytes_.append(bytes); }
  void write_at(uint64_t offset, std::string_view bytes) {
    if (bytes_.size() < offset + bytes.size()) bytes_.resize(offset + bytes.size());
    bytes_.replace(offset, bytes.size(), bytes);
  }

 private:
  std::string bytes_;
  int error_ = 0;
};

}  // namespace daphnis::worker::test
