#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/base/slice.h"
#include "common/ipld/cid.h"

namespace daphnis::broker {

/// Reads the body of POST /holdings (DESIGN 3.1): NDJSON lines {"add":[cid…]} and
/// {"remove":[cid…]}, and {"complete":true} as the last one. Junk (other JSON, no JSON, lines
/// beyond kHoldingsLineBytesMax, texts that are no CID) is skipped and counted. Any split of the
/// same bytes gives the same calls. Owned by the connection, for one request.
class HoldingsParser {
 public:
  enum class Verb : uint8_t { kAdd, kRemove };
  using OnRoot = std::function<void(Verb, const Cid&)>;

  HoldingsParser();
  ~HoldingsParser();
  HoldingsParser(HoldingsParser&&) noexcept;
  HoldingsParser& operator=(HoldingsParser&&) noexcept;

  void feed(Bytes bytes, const OnRoot& on_root);
  /// Ends the body; the last line need not have a line end.
  void finish(const OnRoot& on_root);

  /// Whether the L2 has no more than it has announced, where the last line says so or not so. Valid
  /// after finish().
  [[nodiscard]] std::optional<bool> is_complete() const { return is_complete_; }
  /// The number of lines and CIDs that were skipped.
  [[nodiscard]] uint64_t junk() const { return junk_; }

 private:
  struct Json;

  void take_line(std::string_view line, const OnRoot& on_root);
  /// Takes the roots of an "add" or a "remove".
  template <class Value>
  void take_roots(Verb verb, const Value& value, const OnRoot& on_root);

  std::unique_ptr<Json> json_;
  std::string held_;  ///< The line begun and not yet ended.
  bool is_passing_over_ = false;
  std::optional<bool> is_complete_;
  uint64_t junk_ = 0;
};

}  // namespace daphnis::broker
