#include "common/ipld/hashes.h"

#include <catch2/catch.hpp>
#include <random>

#include "tests/fakes/fixtures.h"
#include "tests/unit/common/hex.h"
#include "tests/unit/common/ipld/car_transcript.h"
#include "tests/unit/common/pattern.h"

namespace daphnis {
namespace {

using test::from_hex;
using test::pattern;

struct Vector {
  uint64_t code;
  size_t size;  // bytes of pattern()
  const char* digest;
};

// Computed by an independent implementation (noble-hashes 1.5); the digests of no bytes are those
// of the standards.
const Vector kVectors[] = {
    {hash::kKeccak224, 0, "f71837502ba8e10837bdd8d365adb85591895602fc552b48b7390abd"},
    {hash::kKeccak224, 1000, "bade992c46a5696b8e103d74ae6fb1fb4cddff57c276d2baf67565fc"},
    {hash::kKeccak256, 0, "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"},
    {hash::kKeccak256, 1000, "af692982e84a5a9688359025660a7857cd28ee7c8d867cfa1677baf2e6d1f63b"},
    {hash::kKeccak384, 0,
     "2c23146a63a29acf99e73b88f8c24eaa7dc60aa771780ccc006afbfa8fe2479b2dd2b21362337441"
     "ac12b515911957ff"},
    {hash::kKeccak384, 1000,
     "f2c25e476fb2c046931f4cd056efaa2c85031876364a1d462c493eb2db2707805c59d7b4a23c0acd"
     "20e3ff8d20945022"},
    {hash::kKeccak512, 0,
     "0eab42de4c3ceb9235fc91acffe746b29c29a8c366b7c60e4e67c466f36a4304c00fa9caf9d87976"
     "ba469bcbe06713b435f091ef2769fb160cdab33d3670680e"},
    {hash::kKeccak512, 1000,
     "dec8169d40c30076041b00181c5fdfcc36b95f2acb6ff5bbaea772c37d91885b4c85b1463c718e9e"
     "6ffed3896c01d2aede2904c80c1fd6d6d4a5e87b991db490"},
    {hash::kSha3_224, 0, "6b4e03423667dbb73b6e15454f0eb1abd4597f9a1b078e3f5b5a6bc7"},
    {hash::kSha3_224, 1000, "51481b8dbd6b73dd110a967f438aa22facfcdce1eb5d2b36a5ec023f"},
    {hash::kSha3_256, 0, "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a"},
    {hash::kSha3_256, 1000, "48e66a01861d0eadaacdb7a6ae7db6b9ac79242ecced4154a9fbb33c4e3cc571"},
    {hash::kSha3_384, 0,
     "0c63a75b845e4f7d01107d852e4c2485c51a50aaaa94fc61995e71bbee983a2ac3713831264adb47"
     "fb6bd1e058d5f004"},
    {hash::kSha3_384, 1000,
     "43e60a7ef818a0e367fcd4ede8f5fabbdb7090cb45972bb7a84038cc3abf4fc26c4f44b59d3a0306"
     "c973b66e84c8890b"},
    {hash::kSha3_512, 0,
     "a69f73cca23a9ac5c8b567dc185a756e97c982164fe25859e0d1dcc1475c80a615b2123af1f5f94c"
     "11e3e9402c3ac558f500199d95b6d3e301758586281dcd26"},
    {hash::kSha3_512, 1000,
     "b8030d306ae990bc794bfb3a6100f67851889d6c272257afac7d1077a18660d6ea8d0da5d2299c3e"
     "baa0d34baf62cc58ac1fd4476506cf512a4897bb083a6fc4"},
    {hash::kSha2_256, 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {hash::kSha2_256, 1000, "4e4c294b331f7a2099a379bec34b9f9fc03dc46ab465d998f4d683da53487e6d"},
    {hash::kDblSha2_256, 0, "5df6e0e2761359d30a8275058e299fcc0381534545f55cf43e41983f5d4c9456"},
    {hash::kDblSha2_256, 1000, "c88e98bd565d6e001a0a37ac287032e1183923f35f6fde42c14210cbe2098d7c"},
    {hash::kSha2_512, 0,
     "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0"
     "ff8318d2877eec2f63b931bd47417a81a538327af927da3e"},
    {hash::kSha2_512, 1000,
     "5096498d96f50f9a137c4db5b8b0cd38383ad55350fb5a98805fedc31fa1262f1f0cf4d6f12d7ecd"
     "8dedd933a4c9126344fe22e937a8ad35fdeae1e876ae698b"},
    {hash::kBlake2bBase + 20, 0, "3345524abf6bbe1809449224b5972c41790b6cf2"},
    {hash::kBlake2bBase + 32, 0,
     "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"},
    {hash::kBlake2bBase + 48, 0,
     "b32811423377f52d7862286ee1a72ee540524380fda1724a6f25d7978c6fd3244a6caf0498812673"
     "c5e05ef583825100"},
    {hash::kBlake2bBase + 64, 0,
     "786a02f742015903c6c6fd852552d272912f4740e15847618a86e217f71f5419d25e1031afee5853"
     "13896444934eb04b903a685b1448b755d56f701afe9be2ce"},
    {hash::kBlake2bBase + 20, 1000, "fc9a2426db78846a07219bc181a52bae9a62eacc"},
    {hash::kBlake2bBase + 32, 1000,
     "b372d0608f720c8c3dd41e9c8eecb10143b41abe520b616607e754bf79c08331"},
    {hash::kBlake2bBase + 48, 1000,
     "f0a7a4bb3c3290f432e513caa227ab3bf933c4c8c167193dff1cb10a0b992f042f5679e477f00c55"
     "1e2cf2bec8101f1e"},
    {hash::kBlake2bBase + 64, 1000,
     "c11e1c0340bd7e5a1b275f1230c962fad215ecb1391486e74e31b960a2f2996381a5fad092da0684"
     "1d5f26e38f6ecfeaf441acbcd1c2de61aef121e7927175f5"},
    {hash::kBlake2sBase + 20, 0, "354c9c33f735962418bdacb9479873429c34916f"},
    {hash::kBlake2sBase + 28, 0, "1fa1291e65248b37b3433475b2a0dd63d54a11ecc4e3e034e7bc1ef4"},
    {hash::kBlake2sBase + 32, 0,
     "69217a3079908094e11121d042354a7c1f55b6482ca1a51e1b250dfd1ed0eef9"},
    {hash::kBlake2sBase + 20, 1000, "3e4524daf9b942e944bacc554db2f617a57ff95a"},
    {hash::kBlake2sBase + 28, 1000, "8562ed9841e94da04044f864e0c30b85a303d0782762be8748894a65"},
    {hash::kBlake2sBase + 32, 1000,
     "1c067a5e746fb0f6734efac9a8cdb0e11061f0077f255184365c690115392501"},
    {hash::kIdentity, 0, ""},
    {hash::kIdentity, 5, "0001020304"},
};

bool holds(Hasher& hasher, const Vector& vector, Bytes input, Bytes digest) {
  hasher.reset(vector.code);
  hasher.update(input);
  return hasher.finish_matches(digest);
}

TEST_CASE("every hash has its digest and no other", "[hashes]") {
  Hasher hasher;  // used for all digests, since one must not influence the next
  for (const Vector& vector : kVectors) {
    CAPTURE(vector.code, vector.size);
    const auto input = pattern(vector.size);
    auto digest = from_hex(vector.digest);
    REQUIRE(Hasher::supports(vector.code));
    CHECK(holds(hasher, vector, input, digest));
    CHECK(holds(hasher, vector, input, digest));
    for (size_t i = 0; i < digest.size(); ++i) {
      digest[i] ^= 1;
      REQUIRE_FALSE(holds(hasher, vector, input, digest));
      digest[i] ^= 1;
    }
    auto more = input;
    more.push_back(0);
    CHECK_FALSE(holds(hasher, vector, more, digest));
  }
}

TEST_CASE("a digest cut short or drawn out does not match", "[hashes]") {
  Hasher hasher;
  for (const Vector& vector : kVectors) {
    CAPTURE(vector.code, vector.size);
    const auto input = pattern(vector.size);
    auto digest = from_hex(vector.digest);
    if (!digest.empty()) {
      CHECK_FALSE(holds(hasher, vector, input, Bytes(digest).first(digest.size() - 1)));
    }
    digest.push_back(0);
    CHECK_FALSE(holds(hasher, vector, input, digest));
    digest.resize(limits::kDigestBytesMax + 1);
    CHECK_FALSE(holds(hasher, vector, input, digest));
  }
}

TEST_CASE("a block's digest is the same however it is cut", "[hashes]") {
  Hasher hasher;
  for (const Vector& vector : kVectors) {
    CAPTURE(vector.code);
    const auto input = pattern(vector.size);
    const Bytes bytes = input;
    const auto digest = from_hex(vector.digest);
    for (size_t cut = 0; cut <= input.size(); cut += 7) {
      hasher.reset(vector.code);
      hasher.update(bytes.first(cut));
      hasher.update({});
      hasher.update(bytes.subspan(cut));
      REQUIRE(hasher.finish_matches(digest));
    }
    hasher.reset(vector.code);
    for (const uint8_t& byte : input) hasher.update({&byte, 1});
    REQUIRE(hasher.finish_matches(digest));
  }
}

TEST_CASE("an unfinished digest is forgotten", "[hashes]") {
  Hasher hasher;
  for (const Vector& first : kVectors) {
    hasher.reset(first.code);
    hasher.update(pattern(100));
    for (const Vector& vector : {kVectors[1], kVectors[9], kVectors[16], kVectors[30]}) {
      CAPTURE(first.code, vector.code);
      CHECK(holds(hasher, vector, pattern(vector.size), from_hex(vector.digest)));
    }
  }
}

TEST_CASE("hashes that can be forged or are not known are not supported", "[hashes]") {
  for (const uint64_t code : std::initializer_list<uint64_t>{
           0x11,                            // sha1
           0xd5, 0xd4,                      // md5, md4
           0x18, 0x19,                      // shake
           0xb200, 0xb201, 0xb213, 0xb253,  // blake2 of less than 160 bits
           0xb261, 0x01, 0x22, 0xffff'ffff'ffff}) {
    CAPTURE(code);
    CHECK_FALSE(Hasher::supports(code));
  }
  for (const uint64_t code : std::initializer_list<uint64_t>{0xb214, 0xb240, 0xb254, 0xb260}) {
    CAPTURE(code);
    CHECK(Hasher::supports(code));
  }
}

TEST_CASE("sha1 is verified only where it is asked for", "[hashes]") {
  // FIPS 180-4's example.
  const auto digest = from_hex("a9993e364706816aba3e25717850c26c9cd0d89d");
  const auto cid = Cid::v1(codec::kRaw, hash::kSha1, digest);
  REQUIRE(cid);
  CHECK(is_forgeable(*cid));
  CHECK_FALSE(Hasher::can_verify(*cid));
  CHECK(Hasher::can_verify(*cid, Sha1::kAllowed));
  Hasher hasher;
  const Bytes block = as_bytes(std::string_view("abc"));
  CHECK_FALSE(hasher.matches(*cid, block));
  CHECK(hasher.matches(*cid, block, Sha1::kAllowed));
  CHECK_FALSE(hasher.matches(*cid, block.first(2), Sha1::kAllowed));
  CHECK(*hasher.cid_of(codec::kRaw, hash::kSha1, block) == *cid);
  const auto cut = Cid::v1(codec::kRaw, hash::kSha1, std::vector<uint8_t>(21));
  REQUIRE(cut);
  CHECK_FALSE(Hasher::can_verify(*cut, Sha1::kAllowed));
}

TEST_CASE("only digests of a hash's own length can be verified", "[hashes]") {
  const std::vector<uint8_t> digest(limits::kDigestBytesMax);
  const auto sizes_of = [&](uint64_t code) {
    std::vector<size_t> sizes;
    for (size_t size = 0; size <= digest.size(); ++size) {
      const auto cid = Cid::v1(codec::kRaw, code, Bytes(digest).first(size));
      if (cid && Hasher::can_verify(*cid)) sizes.push_back(size);
    }
    return sizes;
  };
  CHECK(sizes_of(hash::kSha2_256) == std::vector<size_t>{32});
  CHECK(sizes_of(hash::kSha2_512) == std::vector<size_t>{64});
  CHECK(sizes_of(hash::kKeccak224) == std::vector<size_t>{28});
  CHECK(sizes_of(hash::kBlake2bBase + 33) == std::vector<size_t>{33});
  CHECK(sizes_of(hash::kBlake2sBase + 20) == std::vector<size_t>{20});
  CHECK(sizes_of(0x11).empty());
  CHECK(sizes_of(hash::kBlake3).size() == 109);
  CHECK(sizes_of(hash::kBlake3).front() == 20);
  CHECK(sizes_of(hash::kIdentity).size() == 129);
}

TEST_CASE("the CID made for a block is the one it verifies against", "[hashes]") {
  Hasher hasher;
  for (const Vector& vector : kVectors) {
    CAPTURE(vector.code);
    auto block = pattern(vector.size);
    const auto cid = hasher.cid_of(codec::kRaw, vector.code, block);
    REQUIRE(cid);
    CHECK(test::to_hex(cid->digest()) == vector.digest);
    CHECK(hasher.matches(*cid, block));
    block.push_back(0);
    CHECK_FALSE(hasher.matches(*cid, block));
  }
  CHECK_FALSE(hasher.cid_of(codec::kRaw, hash::kIdentity, pattern(129)));
  CHECK(hasher.cid_of(codec::kRaw, hash::kBlake3, pattern(3))->digest().size() == 32);
}

TEST_CASE("all blocks of valid CARs hold and those of flipped bits do not", "[hashes]") {
  Hasher hasher;
  const auto count_bad = [&](const std::string& file) {
    const auto car = test::read_fixture(file + ".car");
    const auto transcript = test::read_car({car});
    size_t bad = 0;
    for (const auto& section : transcript.sections) {
      if (!hasher.matches(section.cid, section.body)) ++bad;
    }
    REQUIRE_FALSE(transcript.sections.empty());
    return bad;
  };
  for (const char* name :
       {"all", "blake2b-256", "blake2b-512", "blake2s-256", "blake3", "dbl-sha2-256", "keccak-256",
        "sha2-256", "sha2-512", "sha3-256", "sha3-512"}) {
    CAPTURE(name);
    CHECK(count_bad(std::string("valid/hash/") + name) == 0);
  }
  for (const char* name : {"adv-base", "cidv0-file", "dag-cbor", "identity-included",
                           "unixfs-1mib-256k", "raw-empty-block"}) {
    CAPTURE(name);
    CHECK(count_bad(std::string("valid/") + name) == 0);
  }
  CHECK(count_bad("adversarial/flip-leaf-data") == 1);
  CHECK(count_bad("adversarial/swap-data-of-two") == 2);
  CHECK(count_bad("adversarial/identity-mismatch") == 1);
  CHECK(count_bad("adversarial/hash-weak-sha1") == 1);
  CHECK(count_bad("adversarial/cid-unknown-hash") == 1);
}

}  // namespace
}  // namespace daphnis
