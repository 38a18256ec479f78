#include <string>
#include <vector>

#include "broker/l2_http/holdings_parser.h"
#include "common/base/check.h"

/// Checks that any split of announced holdings gives the same roots and the same junk.
namespace {

using daphnis::Bytes;
using daphnis::broker::HoldingsParser;

std::string read(std::initializer_list<Bytes> parts) {
  std::string seen;
  HoldingsParser parser;
  const auto on_root = [&](HoldingsParser::Verb verb, const daphnis::Cid& root) {
    seen += (verb == HoldingsParser::Verb::kAdd ? "+" : "-") + root.text() + "\n";
  };
  for (const Bytes part : parts) parser.feed(part, on_root);
  parser.finish(on_root);
  return seen + std::to_string(parser.junk());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes all(data, size);
  const size_t cut = size == 0 ? 0 : data[0] * size / 256;
  daphnis::check(read({all}) == read({all.first(cut), all.subspan(cut)}),
                 "a cut changes what an announcement says");
  return 0;
}
