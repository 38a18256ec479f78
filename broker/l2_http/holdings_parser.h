#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/base/slice.h"
#include "common/ipld/cid.h"

namespace daphnis::broker {

/// Reads the body of POST /holdings (DESIGN 3.1): NDJSON lines {"add":[cid…]} and
/// {"remove":[cid…]}. Junk (other JSON, no JSON, lines beyond kHoldingsLineBytesMax, texts that are
/// no CID) is passed over and counted. Any split of the same bytes gives the same calls. Owned by
/// one request.
class HoldingsParser {
 public:
  enum class Verb : uint8_t { kAdd, kRemove };
  using OnRoot = std::function<void(Verb, const Cid&)>;

  HoldingsParser();
  ~HoldingsParser();
  HoldingsParser(HoldingsParser&&) noexcept;
  HoldingsParser& operator=(HoldingsParser&&) noexcept;

  void feed(Bytes bytes, const OnRoot& on_root);
  /// The body is over: a last line need not have a line end.
  void finish(const OnRoot& on_root);

  /// Lines and CIDs that were passed over.
  [[nodiscard]] uint64_t junk() const { return junk_; }

 private:
  struct Json;

  void take_line(std::string_view line, const OnRoot& on_root);

  std::unique_ptr<Json> json_;
  std::string held_;
  bool is_passing_over_ = false;
  uint64_t junk_ = 0;
};

}  // namespace daphnis::broker
