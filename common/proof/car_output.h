#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "common/base/slice.h"
#include "common/ipld/car.h"
#include "common/proof/walk.h"
#include "common/request/car_request.h"

namespace daphnis {

/// Writes the output of a request: our own CARv1 header, then sections under the links' CIDs; for
/// kRaw the one block's bytes. Bodies go out as the slices they come in. A copy goes on by itself
/// from where the output is. Owned by a Verifier, a Producer or a ProofPosition.
class CarOutput {
 public:
  /// Takes one call's slices. Neighbours in memory become one slice, but only within the same call:
  /// slices that were there before belong to the caller.
  struct Sink {
    explicit Sink(Slices& slices) : out(slices), begin(slices.size()) {}
    void append(Slice slice);
    Slices& out;
    size_t begin;
  };

  CarOutput(const CarRequest& request, uint64_t bytes_max)
      : root_(request.root), format_(request.format), bytes_max_(bytes_max) {}

  /// False where the output would pass its bound with a block of this size.
  [[nodiscard]] bool fits(size_t block_size) const;

  /// The head of the section of a block that `link` leads to.
  struct Head {
    Head(const Cid& link, size_t block_size) : size(write_section_head(link, block_size, bytes)) {}
    std::array<uint8_t, kSectionHeadBytesMax> bytes;
    size_t size;
  };

  /// Puts out a block under `head`. `as_it_came` is that section's head in the stream, if it came
  /// in one piece: where its bytes equal ours, it goes out instead, since it lies next to the body.
  void put(const Head& head, std::span<const Slice> block, const Slice& as_it_came, Sink& sink);

  /// Ends the output. One without blocks (all of it in identity CIDs) gets its header or bytes
  /// here.
  void finish(Sink& sink);

  [[nodiscard]] uint64_t bytes() const { return bytes_; }

 private:
  void put_header(Sink& sink);
  void put_copy(Bytes bytes, Sink& sink);
  void put_slice(Slice slice, Sink& sink);

  Cid root_;
  AnswerFormat format_;
  uint64_t bytes_max_;
  uint64_t bytes_ = 0;
  bool begun_ = false;
  /// The buffer that small copies are carved from, one after another. A copy begins one of its own:
  /// two outputs that carve from one buffer would overwrite each other's bytes.
  struct Heads {
    Heads() = default;
    Heads(const Heads&) {}
    Heads& operator=(const Heads&) { return *this = Heads(); }
    Heads(Heads&&) = default;
    Heads& operator=(Heads&&) = default;
    ~Heads() = default;

    BufferRef buffer;
    size_t used = 0;
  };
  Heads heads_;
};

/// Why the request of a walk that is done is refused, where nothing was put out yet: its path is
/// missing (kNotFound) or ends at no link (kInvalid). nullopt: it is not refused.
[[nodiscard]] std::optional<Error> refusal_before_output(const Walk& walk);

}  // namespace daphnis
