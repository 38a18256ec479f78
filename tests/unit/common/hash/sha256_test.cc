#include "common/hash/sha256.h"

#include <catch2/catch.hpp>

#include "tests/unit/common/hex.h"

namespace daphnis {
namespace {

// The examples of FIPS 180-2, appendix B: none, one and two blocks.
TEST_CASE("SHA-256 has the digests of its standard", "[sha256]") {
  using test::to_hex;
  CHECK(to_hex(sha256({})) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(to_hex(sha256(as_bytes("abc"))) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(to_hex(sha256(as_bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))) ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

}  // namespace
}  // namespace daphnis
