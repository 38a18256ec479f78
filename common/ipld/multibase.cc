#include "common/ipld/multibase.h"

#include <algorithm>
#include <array>
#include <vector>

namespace daphnis {
namespace {

constexpr std::string_view kDigits = "0123456789abcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kBase32 = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::string_view kBase32Z = "ybndrfg8ejkmcpqxot1uwisza345h769";
constexpr std::string_view kBase58Btc =
    "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
constexpr std::string_view kBase58Flickr =
    "123456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ";
constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kBase64Url =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr uint8_t kNoDigit = 0xff;
using DigitTable = std::array<uint8_t, 256>;

enum class Case : bool { kExact, kEither };

consteval DigitTable digit_table(std::string_view alphabet, Case letters = Case::kExact) {
  DigitTable table;
  table.fill(kNoDigit);
  for (size_t i = 0; i < alphabet.size(); ++i) {
    const char c = alphabet[i];
    table[static_cast<uint8_t>(c)] = static_cast<uint8_t>(i);
    if (letters == Case::kEither && c >= 'a' && c <= 'z') {
      table[static_cast<uint8_t>(c - 'a' + 'A')] = static_cast<uint8_t>(i);
    }
  }
  return table;
}

constexpr DigitTable kBase2Table = digit_table(kDigits.substr(0, 2));
constexpr DigitTable kBase8Table = digit_table(kDigits.substr(0, 8));
constexpr DigitTable kBase10Table = digit_table(kDigits.substr(0, 10));
constexpr DigitTable kBase16Table = digit_table(kDigits.substr(0, 16), Case::kEither);
constexpr DigitTable kBase32HexTable = digit_table(kDigits.substr(0, 32), Case::kEither);
constexpr DigitTable kBase36Table = digit_table(kDigits, Case::kEither);
constexpr DigitTable kBase32Table = digit_table(kBase32, Case::kEither);
constexpr DigitTable kBase32ZTable = digit_table(kBase32Z);
constexpr DigitTable kBase58BtcTable = digit_table(kBase58Btc);
constexpr DigitTable kBase58FlickrTable = digit_table(kBase58Flickr);
constexpr DigitTable kBase64Table = digit_table(kBase64);
constexpr DigitTable kBase64UrlTable = digit_table(kBase64Url);

using Decoded = std::expected<size_t, Errc>;

// Decodes a base of 2^bits digits: a bit stream, most significant bit first (RFC 4648).
Decoded decode_bits(std::string_view text, const DigitTable& table, unsigned bits,
                    std::span<uint8_t> out) {
  size_t size = 0;
  unsigned held = 0;  // bits in `buffer` not yet put out
  unsigned buffer = 0;
  for (const char c : text) {
    const uint8_t digit = table[static_cast<uint8_t>(c)];
    if (digit == kNoDigit) return std::unexpected(Errc::kMalformed);
    buffer = (buffer << bits) | digit;
    held += bits;
    if (held < 8) continue;
    held -= 8;
    if (size == out.size()) return std::unexpected(Errc::kTooLarge);
    out[size++] = static_cast<uint8_t>(buffer >> held);
    buffer &= (1U << held) - 1;
  }
  // A whole digit left over, or bits that are not zero, is a second spelling of the same bytes.
  if (held >= bits || buffer != 0) return std::unexpected(Errc::kMalformed);
  return size;
}

Decoded decode_padded(std::string_view text, const DigitTable& table, unsigned bits,
                      std::span<uint8_t> out) {
  const size_t group = bits == 5 ? 8 : 4;
  if (text.size() % group != 0) return std::unexpected(Errc::kMalformed);
  const size_t last = text.find_last_not_of('=');
  const size_t digits = last == std::string_view::npos ? 0 : last + 1;
  if (text.size() - digits >= group) return std::unexpected(Errc::kMalformed);
  return decode_bits(text.substr(0, digits), table, bits, out);
}

// Decodes any other base: one big number, where each leading zero digit stands for a zero byte.
Decoded decode_number(std::string_view text, const DigitTable& table, unsigned base,
                      std::span<uint8_t> out) {
  size_t zeros = 0;
  while (zeros < text.size() && table[static_cast<uint8_t>(text[zeros])] == 0) ++zeros;
  if (zeros > out.size()) return std::unexpected(Errc::kTooLarge);

  // The number grows at the end of `out`, least significant byte last, then moves to its place.
  size_t size = 0;
  for (const char c : text.substr(zeros)) {
    unsigned carry = table[static_cast<uint8_t>(c)];
    if (carry == kNoDigit) return std::unexpected(Errc::kMalformed);
    for (size_t i = 0; i < size; ++i) {
      uint8_t& byte = out[out.size() - 1 - i];
      carry += byte * base;
      byte = static_cast<uint8_t>(carry);
      carry >>= 8;
    }
    if (carry == 0) continue;
    if (zeros + size == out.size()) return std::unexpected(Errc::kTooLarge);
    out[out.size() - 1 - size] = static_cast<uint8_t>(carry);
    ++size;
  }
  const auto number = out.last(size);
  std::move(number.begin(), number.end(), out.begin() + static_cast<ptrdiff_t>(zeros));
  std::fill_n(out.begin(), zeros, uint8_t{0});
  return zeros + size;
}

}  // namespace

Decoded decode_multibase(std::string_view text, std::span<uint8_t> out) {
  if (text.empty()) return std::unexpected(Errc::kMalformed);
  const std::string_view digits = text.substr(1);
  switch (text[0]) {
    case '0':
      return decode_bits(digits, kBase2Table, 1, out);
    case '7':
      return decode_bits(digits, kBase8Table, 3, out);
    case '9':
      return decode_number(digits, kBase10Table, 10, out);
    case 'f':
    case 'F':
      return decode_bits(digits, kBase16Table, 4, out);
    case 'v':
    case 'V':
      return decode_bits(digits, kBase32HexTable, 5, out);
    case 't':
    case 'T':
      return decode_padded(digits, kBase32HexTable, 5, out);
    case 'b':
    case 'B':
      return decode_bits(digits, kBase32Table, 5, out);
    case 'c':
    case 'C':
      return decode_padded(digits, kBase32Table, 5, out);
    case 'h':
      return decode_bits(digits, kBase32ZTable, 5, out);
    case 'k':
    case 'K':
      return decode_number(digits, kBase36Table, 36, out);
    case 'z':
      return decode_number(digits, kBase58BtcTable, 58, out);
    case 'Z':
      return decode_number(digits, kBase58FlickrTable, 58, out);
    case 'm':
      return decode_bits(digits, kBase64Table, 6, out);
    case 'M':
      return decode_padded(digits, kBase64Table, 6, out);
    case 'u':
      return decode_bits(digits, kBase64UrlTable, 6, out);
    case 'U':
      return decode_padded(digits, kBase64UrlTable, 6, out);
    default:
      return std::unexpected(Errc::kUnsupported);
  }
}

Decoded decode_base58btc(std::string_view text, std::span<uint8_t> out) {
  return decode_number(text, kBase58BtcTable, 58, out);
}

std::string encode_multibase_base32(Bytes bytes) {
  std::string text;
  text.reserve(1 + (bytes.size() * 8 + 4) / 5);
  text.push_back('b');
  unsigned held = 0;
  unsigned buffer = 0;
  for (const uint8_t byte : bytes) {
    buffer = (buffer << 8) | byte;
    held += 8;
    while (held >= 5) {
      held -= 5;
      text.push_back(kBase32[(buffer >> held) & 31]);
    }
    buffer &= (1U << held) - 1;
  }
  if (held > 0) text.push_back(kBase32[(buffer << (5 - held)) & 31]);
  return text;
}

std::string encode_base58btc(Bytes bytes) {
  const auto first = std::find_if(bytes.begin(), bytes.end(), [](uint8_t b) { return b != 0; });
  const auto zeros = static_cast<size_t>(first - bytes.begin());
  std::vector<uint8_t> digits;  // least significant first
  digits.reserve(bytes.size() * 138 / 100 + 1);
  for (const uint8_t byte : bytes.subspan(zeros)) {
    unsigned carry = byte;
    for (uint8_t& digit : digits) {
      carry += unsigned{digit} << 8;
      digit = static_cast<uint8_t>(carry % 58);
      carry /= 58;
    }
    for (; carry > 0; carry /= 58) digits.push_back(static_cast<uint8_t>(carry % 58));
  }
  std::string text(zeros, kBase58Btc[0]);
  for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit) {
    text.push_back(kBase58Btc[*digit]);
  }
  return text;
}

}  // namespace daphnis
