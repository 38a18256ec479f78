#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/slice.h"
#include "common/ipld/cid.h"

namespace daphnis::l2 {

/// What begins at one place of a CAR, behind its header. This is for tolerant readers, which use
/// the good blocks of a flawed CAR: a home's CARs come from many programs, and each block is proven
/// by its hash before it is used.
struct CarSection {
  enum class Kind : uint8_t {
    kBlock,      ///< A block, with `cid` and `head_size`.
    kPadding,    ///< A zero byte, as padding is made of.
    kOdd,        ///< A section whose block cannot be used, for the reason `why`; its size is known.
    kCut,        ///< A section that goes beyond the end of the CAR, as `why` says.
    kNoSection,  ///< No section: nothing behind this place can be read, as `why` says.
  };
  Kind kind;
  uint64_t size = 0;          ///< Of kBlock, kPadding and kOdd: bytes, the length included.
  size_t head_size = 0;       ///< Of kBlock: bytes before the body.
  Cid cid = {};               ///< Of kBlock.
  std::string_view why = {};  ///< A clause for people, static.
};

/// Reads the head of the section that begins with `start`, which holds the first
/// kSectionHeadBytesMax of the `left` bytes to the end of the CAR, or all of them. `left` is any
/// large number where the end is not known.
[[nodiscard]] CarSection read_car_section(Bytes start, uint64_t left);

/// What a CAR holds besides its blocks.
struct CarFlaws {
  struct Flaw {
    uint64_t offset;       ///< Bytes from the start of the file or stream.
    std::string_view why;  ///< A clause for people, static.
  };
  std::optional<Flaw> first = {};
  uint64_t passed_over_bytes = 0;
  /// The offset of the last section, where the end of the file cuts it.
  std::optional<uint64_t> cut_at = {};

  void note(uint64_t offset, std::string_view why, uint64_t bytes);
};

/// Recognises a file or stream that should be a CAR but begins with `start`: the JSON or HTML of an
/// error that was saved under the CAR's name. Returns a clause with the beginning of its text, made
/// printable. nullopt: it is not recognised.
[[nodiscard]] std::optional<std::string> what_else_it_is(Bytes start);

}  // namespace daphnis::l2
