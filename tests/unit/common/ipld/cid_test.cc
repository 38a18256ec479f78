#include "common/ipld/cid.h"

#include <catch2/catch.hpp>
#include <random>
#include <vector>

#include "tests/unit/common/hex.h"

namespace daphnis {
namespace {

using test::from_hex;
using test::to_hex;

constexpr const char* kRawText = "bafkreie5b66qvj3ivkzx7vbweqikkjbkkgtxedtrzt3rrrjv6riykkqpr4";
constexpr const char* kV0Text = "QmNSvtpVr2g9Jku6EgzkWzQRizWev6UcVKhi8g6Cje1owa";
constexpr const char* kV0TwinText = "bafybeiabtpepgumdfznrxt7w7dppz7t6jii4s43keihsnhmsr6zv6vdsuu";
constexpr const char* kV0Digest =
    "019bc8f351832e5b1bcff6f8defcfe7e4a11c9736a220f269d928fb35f5472a5";

Cid parsed(std::string_view text) {
  const auto cid = Cid::from_text(text);
  REQUIRE(cid);
  return *cid;
}

Errc refusal(std::string_view text) {
  const auto cid = Cid::from_text(text);
  REQUIRE_FALSE(cid);
  return cid.error().code;
}

Errc refusal_of_bytes(std::string_view hex) {
  const auto cid = Cid::from_bytes(from_hex(hex));
  REQUIRE_FALSE(cid);
  return cid.error().code;
}

TEST_CASE("a version 1 CID tells its parts", "[cid]") {
  const Cid cid = parsed(kRawText);
  CHECK(cid.version() == 1);
  CHECK(cid.codec() == codec::kRaw);
  CHECK(cid.hash_code() == 0x12);
  CHECK_FALSE(cid.is_identity());
  CHECK(to_hex(cid.bytes()) ==
        "015512209d0fbd0aa768aab37fd4362410a5242a51a7720e71ccf718c535f451852a0f8f");
  CHECK(to_hex(cid.multihash()) == to_hex(cid.bytes().subspan(2)));
  CHECK(to_hex(cid.digest()) == to_hex(cid.bytes().subspan(4)));
  CHECK(cid.text() == kRawText);
}

TEST_CASE("a version 0 CID is dag-pb and sha2-256 and names the block of its version 1 twin",
          "[cid]") {
  const Cid v0 = parsed(kV0Text);
  CHECK(v0.version() == 0);
  CHECK(v0.codec() == codec::kDagPb);
  CHECK(v0.hash_code() == 0x12);
  CHECK(to_hex(v0.bytes()) == std::string("1220") + kV0Digest);
  CHECK(to_hex(v0.digest()) == kV0Digest);
  CHECK(to_hex(v0.multihash()) == to_hex(v0.bytes()));
  CHECK(v0.text() == kV0Text);

  const Cid twin = parsed(kV0TwinText);
  CHECK(twin.version() == 1);
  CHECK(twin.names_same_block(v0));
  CHECK(v0.names_same_block(twin));
  CHECK_FALSE(twin == v0);
  const auto raw = Cid::v1(codec::kRaw, 0x12, v0.digest());
  REQUIRE(raw);
  CHECK_FALSE(raw->names_same_block(v0));
}

TEST_CASE("the default CID is the probe that every gateway knows", "[cid]") {
  CHECK(Cid() == parsed("bafkqaaa"));
  CHECK(Cid().text() == "bafkqaaa");
  CHECK(Cid().is_identity());
  CHECK(Cid().digest().empty());
}

TEST_CASE("every spelling of a CID has one canonical text", "[cid]") {
  for (const char* text :
       {"f015512209d0fbd0aa768aab37fd4362410a5242a51a7720e71ccf718c535f451852a0f8f",
        "BAFKREIE5B66QVJ3IVKZX7VBWEQIKKJBKKGTXEDTRZT3RRRJV6RIYKKQPR4",
        "k2cwueckbuxc98vav7sbvwwc3zclgbtsi8ipohu8fteufjxzn4zq0ej3",
        "zb2rhhDP7yACMv4pJr7ptr4Tw11kXkkQWdrYs7QAfRsPia9GJ",
        "uAVUSIJ0PvQqnaKqzf9Q2JBClJCpRp3IOccz3GMU19FGFKg-P"}) {
    CAPTURE(text);
    CHECK(parsed(text) == parsed(kRawText));
    CHECK(parsed(text).text() == kRawText);
  }
}

TEST_CASE("text that is no CID is refused", "[cid]") {
  CHECK(refusal("") == Errc::kMalformed);
  CHECK(refusal("b") == Errc::kMalformed);
  CHECK(refusal("bafkreie5b66qvj3ivkzx7vbweqikkjbkkgtxedtrzt3rrrjv6riykkqpr") == Errc::kMalformed);
  CHECK(refusal(std::string(kRawText) + "aa") == Errc::kMalformed);
  CHECK(refusal("QmNSvtpVr2g9Jku6EgzkWzQRizWev6UcVKhi8g6Cje1ow0") == Errc::kMalformed);
  CHECK(refusal("QmNSvtpVr2g9Jku6EgzkWzQRizWev6UcVKhi8g6Cje1ow") == Errc::kUnsupported);
  CHECK(refusal("hello") == Errc::kMalformed);
  CHECK(refusal("favicon.ico") == Errc::kMalformed);
  CHECK(refusal(std::string(limits::kCidTextMax + 1, 'b')) == Errc::kTooLarge);
  // This is the multihash of version 0 inside a multibase.
  CHECK(refusal(std::string("f1220") + kV0Digest) == Errc::kMalformed);
}

TEST_CASE("bytes that are no CID are refused with the reason", "[cid]") {
  const std::string digest = kV0Digest;
  CHECK(refusal_of_bytes("") == Errc::kMalformed);
  CHECK(refusal_of_bytes("0055"
                         "1220" +
                         digest) == Errc::kMalformed);
  CHECK(refusal_of_bytes("0255"
                         "1220" +
                         digest) == Errc::kUnsupported);
  CHECK(refusal_of_bytes("0355"
                         "1220" +
                         digest) == Errc::kUnsupported);
  CHECK(refusal_of_bytes("810055"
                         "1220" +
                         digest) == Errc::kMalformed);
  CHECK(refusal_of_bytes("01d500"
                         "1220" +
                         digest) == Errc::kMalformed);
  CHECK(refusal_of_bytes("1221" + digest + "00") == Errc::kUnsupported);
  CHECK(refusal_of_bytes("1220" + digest + "00") == Errc::kMalformed);
  CHECK(refusal_of_bytes("0155"
                         "1220" +
                         digest + "00") == Errc::kMalformed);
  CHECK(refusal_of_bytes("0155"
                         "1213" +
                         digest.substr(0, 38)) == Errc::kMalformed);
  CHECK(refusal_of_bytes("0155"
                         "1280808080808080803f") == Errc::kTooLarge);
  CHECK(refusal_of_bytes("0155"
                         "008101" +
                         std::string(258, '0')) == Errc::kTooLarge);
}

TEST_CASE("digests at the edges of their bounds are taken", "[cid]") {
  const std::vector<uint8_t> digest(limits::kDigestBytesMax, 7);
  const auto largest = Cid::v1(0x3fffffffffffffff, 0x3fffffffffffffff, digest);
  REQUIRE(largest);
  CHECK(parsed(largest->text()) == *largest);
  std::string base2 = "0";
  for (const uint8_t byte : largest->bytes()) {
    for (int bit = 7; bit >= 0; --bit) base2.push_back((byte >> bit & 1) != 0 ? '1' : '0');
  }
  CHECK(parsed(base2) == *largest);
  CHECK(Cid::v1(codec::kRaw, 0x12, Bytes(digest).first(limits::kDigestBytesMin)));
  CHECK(Cid::v1(codec::kRaw, 0, digest));
  CHECK(Cid::v1(codec::kRaw, 0, {}));
}

TEST_CASE("a CID is not made from parts out of bounds", "[cid]") {
  const std::vector<uint8_t> digest(limits::kDigestBytesMax + 1, 7);
  CHECK_FALSE(Cid::v1(codec::kRaw, 0x12, digest));
  CHECK_FALSE(Cid::v1(codec::kRaw, 0, digest));
  CHECK_FALSE(Cid::v1(codec::kRaw, 0x12, Bytes(digest).first(limits::kDigestBytesMin - 1)));
  CHECK_FALSE(Cid::v1(uint64_t{1} << 63, 0x12, Bytes(digest).first(32)));
  CHECK_FALSE(Cid::v1(codec::kRaw, uint64_t{1} << 63, Bytes(digest).first(32)));
}

TEST_CASE("the CID that bytes begin with is found at its last byte and not before", "[cid]") {
  for (const char* text : {kRawText, kV0Text, "bafkqaaa", "bafkqabtimvwgy3yk"}) {
    CAPTURE(text);
    const Cid cid = parsed(text);
    std::vector<uint8_t> bytes(cid.bytes().begin(), cid.bytes().end());
    for (size_t cut = 0; cut < bytes.size(); ++cut) {
      const auto prefix = Cid::prefix_of(Bytes(bytes).first(cut));
      REQUIRE_FALSE(prefix);
      REQUIRE(prefix.error() == Errc::kTruncated);
    }
    bytes.insert(bytes.end(), {0xff, 0x01, 0x55});
    const auto prefix = Cid::prefix_of(bytes);
    REQUIRE(prefix);
    CHECK(prefix->cid == cid);
    CHECK(prefix->size == bytes.size() - 3);
  }
}

TEST_CASE("random CIDs are read back from bytes and text", "[cid]") {
  std::mt19937_64 random(3);
  for (int i = 0; i < 2000; ++i) {
    std::vector<uint8_t> digest(20 + random() % 109);
    for (uint8_t& byte : digest) byte = static_cast<uint8_t>(random());
    const auto cid =
        Cid::v1(random() >> (1 + random() % 63), random() >> (1 + random() % 62), digest);
    REQUIRE(cid);
    const auto from_bytes = Cid::from_bytes(cid->bytes());
    REQUIRE(from_bytes);
    REQUIRE(*from_bytes == *cid);
    REQUIRE(from_bytes->codec() == cid->codec());
    REQUIRE(from_bytes->hash_code() == cid->hash_code());
    REQUIRE(to_hex(from_bytes->digest()) == to_hex(digest));
    REQUIRE(parsed(cid->text()) == *cid);
  }
}

}  // namespace
}  // namespace daphnis
