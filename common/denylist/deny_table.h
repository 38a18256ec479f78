#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/slice.h"
#include "common/denylist/denylist_parser.h"
#include "common/ipld/cid.h"

namespace daphnis {

/// Names a list of rules by what is in its files: the same files make the same id in every process
/// and after every restart. 0 names no list.
using DenylistId = uint64_t;

/// Why something may not be served.
struct Denial {
  uint32_t rule = 0;      ///< The number of the rule's line, counted through all files from 1.
  bool is_legal = false;  ///< By a legal demand.

  [[nodiscard]] bool operator==(const Denial&) const = default;
};

/// What a list says of one request.
struct DenyVerdict {
  std::optional<Denial> denial = {};
  /// An exception lets this path below the root be served, though a rule above it may deny the
  /// root: the root's block is then not denied by itself.
  bool is_excepted = false;
};

/// Gathers the rules of all files, in their order, and writes the table. Holds 16 bytes a rule, at
/// most kDenyRulesMax of them. Owned by the reader of the files.
class DenyTableWriter final : public DenyRuleSink {
 public:
  /// The lines that follow are those of the next file, whose first line gets the number after
  /// `lines_before`, which counts all lines of the files before.
  void begin_file(uint32_t lines_before) { lines_before_ = lines_before; }
  [[nodiscard]] bool on_rule(const DenyRule& rule) override;
  [[nodiscard]] bool on_hash_function(uint64_t code) override;

  /// The bytes that write() needs.
  [[nodiscard]] size_t bytes() const;
  /// Writes the table to `memory`, which has bytes() zero bytes, aligned to 8. `id` is not 0.
  void write(std::span<uint8_t> memory, DenylistId id) const;

 private:
  friend class DenyTable;
  struct Slot {
    uint64_t high = 0;
    uint32_t low = 0;
    uint32_t info = 0;  ///< 0: the slot is free. See deny_table.cc.
  };
  struct Head;

  uint32_t lines_before_ = 0;
  std::vector<Slot> slots_;
  std::array<uint64_t, limits::kDenyHashFunctionsMax> functions_{};  ///< 0: none.
};

/// Says what may not be served. The rules are found by their keys in a hash table that lies in
/// memory which one process has written and any number read (16 to 24 bytes a rule). Of several
/// rules that match, the one that stands last in the files decides. A look-up costs as many SHA-256
/// of a short text as there are spellings of what is asked for: five for a block. Immutable: any
/// thread may ask it.
class DenyTable {
 public:
  /// The table in this memory, which outlives it. Errors: kMalformed.
  [[nodiscard]] static Result<DenyTable> open(Bytes memory);

  [[nodiscard]] DenylistId id() const;
  [[nodiscard]] uint64_t rules() const;  ///< Slots in use.

  /// Whether the block with this CID's multihash may be part of an answer, whatever leads to it.
  [[nodiscard]] std::optional<Denial> judge_block(const Cid& cid) const;
  /// Whether this path below this root may be asked for, and the root's block.
  [[nodiscard]] DenyVerdict judge(const Cid& root, std::span<const std::string> path) const;

 private:
  using Slot = DenyTableWriter::Slot;
  /// A rule that matches.
  struct Match {
    uint32_t rule = 0;  ///< 0: none does.
    bool allows = false;
    bool is_legal = false;
  };

  explicit DenyTable(Bytes memory) : memory_(memory) {}
  [[nodiscard]] const DenyTableWriter::Head& head() const;
  [[nodiscard]] std::span<const Slot> slots() const;
  [[nodiscard]] uint32_t find(const DenyKey& key, DenyMatch match) const;
  /// Takes the rule with this key where it stands behind the best match so far.
  void consider(const DenyKey& key, DenyMatch match, Match& best) const;
  [[nodiscard]] Match match_of(const Cid& root, const std::string& name,
                               const std::string& path) const;
  void consider_prefixes(const std::string& name, const std::string& path, Match& best) const;

  Bytes memory_;
};

}  // namespace daphnis
