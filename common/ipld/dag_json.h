#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/slice.h"
#include "common/ipld/cid.h"
#include "common/ipld/dag_cbor.h"

namespace daphnis {

/// Takes tokens off the front of one JSON text (RFC 8259) without copying. White space before a
/// token is skipped. No library does this here, since the order of keys matters, depth must not
/// cost stack, and a block must not cost a multiple of itself in memory. A view: lives no longer
/// than the text.
class JsonCursor {
 public:
  explicit JsonCursor(Bytes text) : rest_(as_text(text)) {}

  /// The next character that is not white space; '\0' at the end.
  [[nodiscard]] char peek();
  [[nodiscard]] bool take(char wanted);
  /// A string's inside as written, escapes and all; nullopt where it is malformed.
  [[nodiscard]] std::optional<std::string_view> take_string();
  /// A number, true, false or null.
  [[nodiscard]] bool take_scalar();
  [[nodiscard]] bool at_end() { return peek() == '\0' && rest_.empty(); }

 private:
  [[nodiscard]] bool take_escape();
  [[nodiscard]] bool take_number();
  size_t take_digits();

  std::string_view rest_;
};

/// The text that a string's inside stands for, with its escapes resolved. `raw` comes from
/// JsonCursor::take_string().
[[nodiscard]] std::string unescaped_json(std::string_view raw);

/// Reads a dag-json block (https://ipld.io/specs/codecs/dag-json/spec) and reports its links,
/// {"/":"<cid>"}, in encoded order. {"/":{"bytes":"…"}} is a value like others. Lists and maps nest
/// at most kNodeNestingMax deep. A view: lives no longer than the block.
class DagJsonReader {
 public:
  enum class Item { kLink, kEnd, kMalformed, kTooDeep };

  explicit DagJsonReader(Bytes block) : cursor_(block) {}

  /// Reads on to the next link. Once it has returned another item, it returns that item again.
  [[nodiscard]] Item next();
  [[nodiscard]] const Cid& cid() const { return cid_; }  ///< After kLink.

 private:
  enum class Step { kGoOn, kLink, kEnd, kMalformed, kTooDeep };
  [[nodiscard]] Step begin_value();
  [[nodiscard]] Step after_value();
  [[nodiscard]] Step take_key();

  JsonCursor cursor_;
  std::vector<char> open_ = {};  // the closing brackets still to come
  bool wants_value_ = true;
  Cid cid_ = {};
  std::optional<Item> over_ = {};
};

/// Follows `path` through the maps (by key, the first that matches) and lists (by index) of a
/// block.
[[nodiscard]] NodeLookup dag_json_lookup(Bytes block, std::span<const std::string> path);

}  // namespace daphnis
