#include "common/ipld/multibase.h"

#include <array>
#include <catch2/catch.hpp>
#include <random>
#include <vector>

#include "tests/unit/common/hex.h"

namespace daphnis {
namespace {

using test::to_hex;

// One CID in every base, as written by the reference JavaScript library (multiformats 13).
constexpr const char* kSpellings[] = {
    "0000000010101010100010010001000001001110100001111101111010000101010100111011010001010101010110"
    "0110111111111010100001101100010010000010000101001010010010000101010010100011010011101110010000"
    "0111001110001110011001111011100011000110001010011010111110100010100011000010100101010000011111"
    "0001111",
    "7002524221011641757205247321252633775206611010245110251215167101634346367061424657505060512407"
    "617",
    "92588233019182538974478673823404314418079321553129426287907933463217152868964949954447",
    "f015512209d0fbd0aa768aab37fd4362410a5242a51a7720e71ccf718c535f451852a0f8f",
    "F015512209D0FBD0AA768AAB37FD4362410A5242A51A7720E71CCF718C535F451852A0F8F",
    "bafkreie5b66qvj3ivkzx7vbweqikkjbkkgtxedtrzt3rrrjv6riykkqpr4",
    "v05ah484t1uugl9r8lapnvl1m4g8aa91aa6jn43jhpjrhhh9luh8oaagfhs",
    "t05ah484t1uugl9r8lapnvl1m4g8aa91aa6jn43jhpjrhhh9luh8oaagfhs======",
    "T05AH484T1UUGL9R8LAPNVL1M4G8AA91AA6JN43JHPJRHHH9LUH8OAAGFHS======",
    "V05AH484T1UUGL9R8LAPNVL1M4G8AA91AA6JN43JHPJRHHH9LUH8OAAGFHS",
    "cafkreie5b66qvj3ivkzx7vbweqikkjbkkgtxedtrzt3rrrjv6riykkqpr4======",
    "CAFKREIE5B66QVJ3IVKZX7VBWEQIKKJBKKGTXEDTRZT3RRRJV6RIYKKQPR4======",
    "BAFKREIE5B66QVJ3IVKZX7VBWEQIKKJBKKGTXEDTRZT3RRRJV6RIYKKQPR4",
    "bAFKREIE5b66QVJ3IVKZX7VBWEQIKKJBKKGTXEDTRZT3RRRJV6RIYKKQPR4",
    "hyfktrer7b66oij5eik3z9ibsroekkjbkkguzrdut3u5tttji6teakkoxth",
    "k2cwueckbuxc98vav7sbvwwc3zclgbtsi8ipohu8fteufjxzn4zq0ej3",
    "K2CWUECKBUXC98VAV7SBVWWC3ZCLGBTSI8IPOHU8FTEUFJXZN4ZQ0EJ3",
    "zb2rhhDP7yACMv4pJr7ptr4Tw11kXkkQWdrYs7QAfRsPia9GJ",
    "ZA2RGGdo7YacmV4PiR7PTR4sW11KwKKpvCRxS7paEqSoHz9gi",
    "mAVUSIJ0PvQqnaKqzf9Q2JBClJCpRp3IOccz3GMU19FGFKg+P",
    "MAVUSIJ0PvQqnaKqzf9Q2JBClJCpRp3IOccz3GMU19FGFKg+P",
    "uAVUSIJ0PvQqnaKqzf9Q2JBClJCpRp3IOccz3GMU19FGFKg-P",
    "UAVUSIJ0PvQqnaKqzf9Q2JBClJCpRp3IOccz3GMU19FGFKg-P",
};
constexpr const char* kSpelt =
    "015512209d0fbd0aa768aab37fd4362410a5242a51a7720e71ccf718c535f451852a0f8f";

std::expected<std::string, Errc> hex_of(std::string_view text, size_t out_size = 64) {
  std::vector<uint8_t> out(out_size);
  const auto size = decode_multibase(text, out);
  if (!size) return std::unexpected(size.error());
  return to_hex(Bytes(out).first(*size));
}

TEST_CASE("one byte string is read from every base and case", "[multibase]") {
  for (const char* text : kSpellings) {
    CAPTURE(text);
    const auto hex = hex_of(text);
    REQUIRE(hex);
    CHECK(*hex == kSpelt);
  }
}

TEST_CASE("bytes that do not fit are refused in every base", "[multibase]") {
  for (const char* text : kSpellings) {
    CAPTURE(text);
    CHECK(hex_of(text, 36));
    for (size_t out_size = 0; out_size < 36; ++out_size) {
      const auto hex = hex_of(text, out_size);
      REQUIRE_FALSE(hex);
      REQUIRE(hex.error() == Errc::kTooLarge);
    }
  }
}

TEST_CASE("text with a second spelling of its bytes is malformed", "[multibase]") {
  const char* const bad =
      GENERATE("f0", "f012", "baf", "bb", "ba", "maa", "mA",
               "MAA=", "M====", "MAAAA====", "c=", "cae==b===", "0101", "01", "70000001", "7777");
  CAPTURE(bad);
  const auto hex = hex_of(bad);
  REQUIRE_FALSE(hex);
  CHECK(hex.error() == Errc::kMalformed);
}

TEST_CASE("letters outside the alphabet are malformed", "[multibase]") {
  const char* const bad =
      GENERATE("", "fgg", "f 00", "b1", "b0", "z0", "zO", "zI", "zl", "m-w==", "u+w", "9a", "02",
               "78", "hl", "hYY", "k-", "v2W", "b\xff\xff", "mAA\n", "z1 ");
  CAPTURE(bad);
  const auto hex = hex_of(bad);
  REQUIRE_FALSE(hex);
  CHECK(hex.error() == Errc::kMalformed);
}

TEST_CASE("unknown prefixes are unsupported", "[multibase]") {
  const char* const bad = GENERATE("Qm", "1abc", "x00", "R00", "\xf0\x9f\x9a\x80", " f00", "/f");
  CAPTURE(bad);
  const auto hex = hex_of(bad);
  REQUIRE_FALSE(hex);
  CHECK(hex.error() == Errc::kUnsupported);
}

TEST_CASE("base32 and base58 are read back as written", "[multibase]") {
  std::mt19937 random(7);
  for (size_t size = 0; size < 80; ++size) {
    std::vector<uint8_t> bytes(size);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
    std::fill_n(bytes.begin(), std::min<size_t>(size, random() % 4), uint8_t{0});
    CAPTURE(size);
    const auto base32 = hex_of(encode_multibase_base32(bytes), size);
    REQUIRE(base32);
    CHECK(*base32 == to_hex(bytes));
    std::vector<uint8_t> out(size);
    const auto base58 = decode_base58btc(encode_base58btc(bytes), out);
    REQUIRE(base58);
    CHECK(*base58 == size);
    CHECK(out == bytes);
  }
}

TEST_CASE("base58 has the vectors of its draft", "[multibase]") {
  // https://datatracker.ietf.org/doc/html/draft-msporny-base58 section 5
  CHECK(encode_base58btc(as_bytes("Hello World!")) == "2NEpo7TZRRrLZSi2U");
  CHECK(encode_base58btc(as_bytes("The quick brown fox jumps over the lazy dog.")) ==
        "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z");
  CHECK(encode_base58btc(test::from_hex("0000287fb4cd")) == "11233QC4");
}

}  // namespace
}  // namespace daphnis
