#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/core/car.h"
#include "common/core/cid.h"
#include "common/core/hashes.h"
#include "common/core/result.h"
#include "common/core/slice.h"
#include "l2/core/block_index.h"
#include "l2/disk/file.h"

namespace daphnis::l2 {

/// A CAR whose blocks are wanted one by one, each proven before it is given. Owned by an unpack.
class BlockInput {
 public:
  virtual ~BlockInput() = default;
  /// The header's roots.
  [[nodiscard]] virtual const std::vector<Cid>& roots() const = 0;
  /// The bytes of the block. Errors: kNotFound (it is not there, or not next in a stream),
  /// kHashMismatch, kUnsupported (its hash), and the CAR's own faults.
  [[nodiscard]] virtual Result<Slice> get(const Cid& cid) = 0;
  /// Nothing more is wanted: reads a stream to its end. Returns how many blocks were left over.
  [[nodiscard]] virtual Result<uint64_t> finish() = 0;
};

/// A CAR file: blocks in any order. What is left over is not counted.
class IndexedInput final : public BlockInput {
 public:
  [[nodiscard]] static Result<std::unique_ptr<BlockInput>> open(const std::string& path);

  [[nodiscard]] const std::vector<Cid>& roots() const override { return roots_; }
  [[nodiscard]] Result<Slice> get(const Cid& cid) override;
  [[nodiscard]] Result<uint64_t> finish() override { return 0; }

 private:
  explicit IndexedInput(File file) : file_(std::move(file)) {}

  File file_;
  BlockIndex index_;
  std::vector<Cid> roots_;
  Hasher hasher_;
};

/// A CARv1 that comes through a pipe: each block is given when it is the next one.
class StreamInput final : public BlockInput {
 public:
  [[nodiscard]] static Result<std::unique_ptr<BlockInput>> open(File file);

  [[nodiscard]] const std::vector<Cid>& roots() const override { return reader_.roots(); }
  [[nodiscard]] Result<Slice> get(const Cid& cid) override;
  [[nodiscard]] Result<uint64_t> finish() override;

 private:
  explicit StreamInput(File file);

  /// The next event but kNeedMore; nullopt where the stream ends where it may.
  [[nodiscard]] Result<std::optional<CarReader::Step>> step();
  /// Makes the next section's head known, passing over identity blocks; false at the end.
  [[nodiscard]] Result<bool> peek();
  [[nodiscard]] Result<Slice> take_body();

  File file_;
  CarReader reader_{CarReader::Roots::kKept};
  std::vector<uint8_t> buffer_;
  Bytes window_;
  bool has_head_ = false;
  Hasher hasher_;
};

}  // namespace daphnis::l2
