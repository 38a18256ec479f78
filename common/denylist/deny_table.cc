#include "common/denylist/deny_table.h"

#include <algorithm>
#include <cstring>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/ipld/hashes.h"
#include "common/ipld/multibase.h"

namespace daphnis {
namespace {

constexpr std::array<uint8_t, 8> kMagic{'D', 'E', 'N', 'Y', 'L', 'S', 'T', '1'};

// A slot's info: the number of the rule's line in 28 bits (of kHasPrefixes: the length of the
// longest prefix, plus one), then what it matches, whether it allows, and whether it is legal.
constexpr uint32_t kNumberBits = 28;
constexpr uint32_t kNumberMask = (1U << kNumberBits) - 1;
constexpr uint32_t kAllows = 1U << 30U;
constexpr uint32_t kIsLegal = 1U << 31U;
static_assert(limits::kDenyLinesMax <= kNumberMask && limits::kDenyPrefixBytesMax < kNumberMask);

constexpr uint32_t number_of(uint32_t info) {
  return info & kNumberMask;
}
constexpr DenyMatch match_of_info(uint32_t info) {
  return static_cast<DenyMatch>(info >> kNumberBits & 3U);
}

/// The slot in which a look-up of the key begins. Keys are parts of digests, so that they spread.
size_t first_slot(const DenyKey& key, size_t slots) {
  return static_cast<size_t>((key.high >> 32U) * slots >> 32U);
}

std::string joined(std::span<const std::string> path) {
  std::string text;
  for (const std::string& segment : path) {
    if (!text.empty()) text += '/';
    text += segment;
  }
  return text;
}

}  // namespace

/// The beginning of the table's memory; the slots follow.
struct DenyTableWriter::Head {
  std::array<uint8_t, 8> magic;
  DenylistId id;
  uint64_t slots;
  uint64_t used;
  std::array<uint64_t, limits::kDenyHashFunctionsMax> functions;
};

bool DenyTableWriter::on_rule(const DenyRule& rule) {
  const uint64_t line = uint64_t{lines_before_} + rule.line;
  if (slots_.size() >= limits::kDenyRulesMax || line > limits::kDenyLinesMax) return false;
  const uint32_t number =
      rule.match == DenyMatch::kHasPrefixes ? rule.text_bytes + 1 : static_cast<uint32_t>(line);
  slots_.push_back({.high = rule.key.high,
                    .low = rule.key.low,
                    .info = number | static_cast<uint32_t>(rule.match) << kNumberBits |
                            (rule.allows ? kAllows : 0) | (rule.is_legal ? kIsLegal : 0)});
  return true;
}

bool DenyTableWriter::on_hash_function(uint64_t code) {
  for (uint64_t& known : functions_) {
    if (known == 0) known = code;
    if (known == code) return true;
  }
  return false;
}

size_t DenyTableWriter::bytes() const {
  const size_t slots = slots_.size() + slots_.size() / 2 + 1;
  return sizeof(Head) + slots * sizeof(Slot);
}

void DenyTableWriter::write(std::span<uint8_t> memory, DenylistId id) const {
  check(memory.size() == bytes() && id != 0, "the memory is not what the table needs");
  auto& head = *reinterpret_cast<Head*>(memory.data());
  head = {.magic = kMagic,
          .id = id,
          .slots = (memory.size() - sizeof(Head)) / sizeof(Slot),
          .used = 0,
          .functions = functions_};
  auto* slots = reinterpret_cast<Slot*>(memory.data() + sizeof(Head));
  for (const Slot& rule : slots_) {
    const DenyMatch match = match_of_info(rule.info);
    size_t at = first_slot({rule.high, rule.low}, head.slots);
    while (slots[at].info != 0) {
      const bool is_same = slots[at].high == rule.high && slots[at].low == rule.low &&
                           match_of_info(slots[at].info) == match;
      if (is_same) break;
      at = at + 1 == head.slots ? 0 : at + 1;
    }
    head.used += slots[at].info == 0 ? 1 : 0;
    // Of two rules with one key the later one decides.
    const bool is_shorter =
        match == DenyMatch::kHasPrefixes && number_of(slots[at].info) > number_of(rule.info);
    if (!is_shorter) slots[at] = rule;
  }
}

Result<DenyTable> DenyTable::open(Bytes memory) {
  DenyTable table(memory);
  if (memory.size() < sizeof(DenyTableWriter::Head)) return fail(Errc::kMalformed, "too short");
  const DenyTableWriter::Head& head = table.head();
  const size_t slots = (memory.size() - sizeof head) / sizeof(Slot);
  const bool is_sound =
      head.magic == kMagic && head.id != 0 && head.slots == slots && head.used < slots;
  if (!is_sound) return fail(Errc::kMalformed, "no table of a denylist");
  return table;
}

const DenyTableWriter::Head& DenyTable::head() const {
  return *reinterpret_cast<const DenyTableWriter::Head*>(memory_.data());
}

std::span<const DenyTable::Slot> DenyTable::slots() const {
  return {reinterpret_cast<const Slot*>(memory_.data() + sizeof(DenyTableWriter::Head)),
          static_cast<size_t>(head().slots)};
}

DenylistId DenyTable::id() const {
  return head().id;
}

uint64_t DenyTable::rules() const {
  return head().used;
}

uint32_t DenyTable::find(const DenyKey& key, DenyMatch match) const {
  const std::span<const Slot> all = slots();
  size_t at = first_slot(key, all.size());
  while (all[at].info != 0) {
    const Slot& slot = all[at];
    if (slot.high == key.high && slot.low == key.low && match_of_info(slot.info) == match) {
      return slot.info;
    }
    at = at + 1 == all.size() ? 0 : at + 1;
  }
  return 0;
}

void DenyTable::consider(const DenyKey& key, DenyMatch match, Match& best) const {
  const uint32_t info = find(key, match);
  if (number_of(info) <= best.rule) return;
  best = {
      .rule = number_of(info), .allows = (info & kAllows) != 0, .is_legal = (info & kIsLegal) != 0};
}

/// The rule that stands last of all that match the path below the root; `name` is the root's
/// multihash as a list names it.
DenyTable::Match DenyTable::match_of(const Cid& root, const std::string& name,
                                     const std::string& path) const {
  Match best;
  const std::string text = path.empty() ? name : name + "/" + path;
  consider(DenyKey::of_text(text), DenyMatch::kExact, best);
  for (const uint64_t function : head().functions) {
    if (function == 0) break;
    if (const auto hashed = Hasher().cid_of(codec::kRaw, function, as_bytes(text))) {
      consider(DenyKey::of(hashed->digest()), DenyMatch::kExact, best);
    }
  }
  // An anchor of badbits names a CID with its codec; it stands for the block under each name.
  std::array<uint64_t, 3> codecs{codec::kDagPb, codec::kRaw, root.codec()};
  const bool is_other = root.codec() != codec::kDagPb && root.codec() != codec::kRaw;
  for (const uint64_t codec : std::span(codecs).first(is_other ? 3 : 2)) {
    const auto cid = Cid::v1(codec, root.hash_code(), root.digest());
    if (cid) consider(DenyKey::of_text(cid->text() + "/" + path), DenyMatch::kExact, best);
  }
  return best;
}

void DenyTable::consider_prefixes(const std::string& name, const std::string& path,
                                  Match& best) const {
  const uint32_t below = find(DenyKey::of_text(name), DenyMatch::kHasPrefixes);
  if (below == 0) return;
  const size_t longest = std::min<size_t>(number_of(below) - 1, path.size());
  const std::string text = name + "/" + path;
  for (size_t size = 0; size <= longest; ++size) {
    const auto prefix = std::string_view(text).substr(0, name.size() + 1 + size);
    consider(DenyKey::of_text(prefix), DenyMatch::kPrefix, best);
  }
}

std::optional<Denial> DenyTable::judge_block(const Cid& cid) const {
  if (head().used == 0) return std::nullopt;
  const Match match = match_of(cid, deny_name_of(cid.multihash()), {});
  if (match.rule == 0 || match.allows) return std::nullopt;
  return Denial{.rule = match.rule, .is_legal = match.is_legal};
}

DenyVerdict DenyTable::judge(const Cid& root, std::span<const std::string> path) const {
  if (path.empty()) return {.denial = judge_block(root)};
  if (head().used == 0) return {};
  const std::string name = deny_name_of(root.multihash());
  const std::string below = joined(path);
  Match match = match_of(root, name, below);
  consider_prefixes(name, below, match);
  if (match.rule == 0) return {.denial = judge_block(root)};
  if (match.allows) return {.is_excepted = true};
  return {.denial = Denial{.rule = match.rule, .is_legal = match.is_legal}};
}

}  // namespace daphnis
