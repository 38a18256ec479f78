#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/slice.h"
#include "common/ipld/cid.h"

namespace daphnis::l2 {

/// What begins at one place of a CAR, behind its header, for a reader that keeps what is good: a
/// home's CARs come from many programs, and each block is proven by its hash before it is used.
struct CarSection {
  enum class Kind : uint8_t {
    kBlock,      ///< A block: `cid`, `head_size`.
    kPadding,    ///< A zero byte: a section of nothing, as padding is made of.
    kOdd,        ///< No block for us, but it says where it ends; `why`.
    kCut,        ///< Begins as a section does, and there are fewer bytes left than it has; `why`.
    kNoSection,  ///< Nothing from here on can be told apart; `why`.
  };
  Kind kind;
  uint64_t size = 0;          ///< Of the whole section, length included; kBlock, kPadding, kOdd.
  size_t head_size = 0;       ///< Bytes before the body.
  Cid cid = {};               ///< Of a block.
  std::string_view why = {};  ///< A clause for people, static.
};

/// Judges the section that begins with `start`: `left` bytes from there to the end of the CAR
/// (any large number where that is not known), of which `start` shows the first
/// kSectionHeadBytesMax or all.
[[nodiscard]] CarSection read_car_section(Bytes start, uint64_t left);

/// What a CAR holds beside its blocks.
struct CarFlaws {
  struct Flaw {
    uint64_t offset;       ///< Bytes from the file's (the stream's) start.
    std::string_view why;  ///< A clause for people, static.
  };
  std::optional<Flaw> first = {};
  uint64_t passed_over_bytes = 0;
  /// Where a section begins that the end of the file cuts; it is the last thing there.
  std::optional<uint64_t> cut_at = {};

  void note(uint64_t offset, std::string_view why, uint64_t bytes);
};

/// What a file or answer is that should have been a CAR and begins with `start`, where that can be
/// told: the JSON or HTML of an error that was saved under its name. A clause with the beginning of
/// its text, made printable. nullopt: no idea.
[[nodiscard]] std::optional<std::string> what_else_it_is(Bytes start);

}  // namespace daphnis::l2
