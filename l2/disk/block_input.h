#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/slice.h"
#include "common/ipld/cid.h"
#include "common/ipld/hashes.h"
#include "l2/core/block_index.h"
#include "l2/core/car_section.h"
#include "l2/disk/car_file.h"
#include "l2/disk/file.h"

namespace daphnis::l2 {

/// A CAR whose blocks are asked for one by one; each is proven before it is returned. Owned by an
/// unpack.
class BlockInput {
 public:
  virtual ~BlockInput() = default;
  /// The header's roots.
  [[nodiscard]] virtual const std::vector<Cid>& roots() const = 0;
  /// The bytes of the block. Errors: kNotFound (the block is not in the file, or not next in a
  /// stream), kHashMismatch, kUnsupported (its hash), and the CAR's own faults.
  [[nodiscard]] virtual Result<Slice> get(const Cid& cid) = 0;
  /// Reads a stream to its end, after the last get(). Returns how many blocks were left over.
  [[nodiscard]] virtual Result<uint64_t> finish() = 0;
  /// The flaws found so far; complete after finish().
  [[nodiscard]] virtual const CarFlaws& flaws() const = 0;
};

/// A CAR file, whose blocks may be asked for in any sequence. Blocks left over are not counted.
class IndexedInput final : public BlockInput {
 public:
  [[nodiscard]] static Result<std::unique_ptr<BlockInput>> open(const std::string& path);

  [[nodiscard]] const std::vector<Cid>& roots() const override { return contents_.roots; }
  [[nodiscard]] Result<Slice> get(const Cid& cid) override;
  [[nodiscard]] Result<uint64_t> finish() override { return 0; }
  [[nodiscard]] const CarFlaws& flaws() const override { return contents_.flaws; }

 private:
  explicit IndexedInput(File file) : file_(std::move(file)) {}

  File file_;
  BlockIndex index_;
  CarFile::Contents contents_;
  Hasher hasher_;
};

/// A CARv1 that comes through a pipe: a block can be had only when it is the next one. Sections
/// that cannot be used are passed over, as in a file.
class StreamInput final : public BlockInput {
 public:
  [[nodiscard]] static Result<std::unique_ptr<BlockInput>> open(File file);

  [[nodiscard]] const std::vector<Cid>& roots() const override { return roots_; }
  [[nodiscard]] Result<Slice> get(const Cid& cid) override;
  [[nodiscard]] Result<uint64_t> finish() override;
  [[nodiscard]] const CarFlaws& flaws() const override { return flaws_; }

 private:
  explicit StreamInput(File file);

  [[nodiscard]] Result<void> read_header();
  /// Reads until the window has `wanted` bytes (at most its capacity) or the stream ends.
  [[nodiscard]] Result<void> fill(size_t wanted);
  void consume(size_t bytes);
  /// Takes `size` bytes, into `out` unless that is null. Takes fewer only where the stream ends.
  [[nodiscard]] Result<size_t> take(uint64_t size, uint8_t* out);
  /// Sets next_ to the head of the next block and passes over all else; false at the end.
  [[nodiscard]] Result<bool> peek();
  [[nodiscard]] Result<Slice> take_body();
  [[nodiscard]] std::string why_missing(const Cid& cid) const;

  File file_;
  std::vector<Cid> roots_;
  std::vector<uint8_t> buffer_;
  Bytes window_;         ///< The part of the buffer that is not yet consumed.
  uint64_t at_ = 0;      ///< The window's offset in the stream.
  bool is_end_ = false;  ///< The stream ends with the window.
  std::optional<CarSection> next_;
  bool was_odd_ = false;  ///< The last section was odd; a cut one behind it is taken for odd too.
  CarFlaws flaws_;
  Hasher hasher_;
};

}  // namespace daphnis::l2
