#include <algorithm>
#include <array>
#include <cctype>

#include "common/base/check.h"
#include "common/ipld/multibase.h"

// Input: one byte, the space for the result; then text.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace daphnis;
  if (size < 2) return 0;
  std::array<uint8_t, 256> out;
  std::string text(as_text({data + 1, size - 1}));
  const auto decoded = decode_multibase(text, std::span(out).first(data[0]));
  if (!decoded) return 0;
  check(*decoded <= data[0], "past the room it was given");
  const Bytes bytes = Bytes(out).first(*decoded);
  if (text[0] == 'b' || text[0] == 'B') {
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
    check(encode_multibase_base32(bytes) == text, "two spellings in base32");
  } else if (text[0] == 'z') {
    check(encode_base58btc(bytes) == text.substr(1), "two spellings in base58");
  }
  return 0;
}
