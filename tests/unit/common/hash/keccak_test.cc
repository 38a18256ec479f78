#include "common/hash/keccak.h"

#include <array>
#include <catch2/catch.hpp>

#include "tests/unit/common/hex.h"
#include "tests/unit/common/pattern.h"

namespace daphnis {
namespace {

using test::pattern;
using test::to_hex;

template <size_t Size>
std::string keccak(Bytes bytes) {
  Keccak hash;
  hash.reset(Size);
  hash.update(bytes);
  std::array<uint8_t, Size> digest;
  hash.finish(digest);
  return to_hex(digest);
}

TEST_CASE("Keccak has the vectors of its submission", "[keccak]") {
  // ShortMsgKAT_224.txt and _256.txt of the submission, lengths 0 and 8 bits.
  CHECK(keccak<28>({}) == "f71837502ba8e10837bdd8d365adb85591895602fc552b48b7390abd");
  CHECK(keccak<28>(test::from_hex("cc")) ==
        "a9cab59eb40a10b246290f2d6086e32e3689faf1d26b470c899f2802");
  CHECK(keccak<32>({}) == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
  CHECK(keccak<32>(test::from_hex("cc")) ==
        "eead6dbfc7340a56caedc044696a168870549a6a7f6f56961e84a54bd9970b8a");
}

// Inputs around the size of a block, where the padding has the least space; by noble-hashes 1.5.
const struct {
  size_t size;
  const char* keccak_224;
  const char* keccak_256;
} kVectors[] = {
    {135, "d0ac8323039fda2ba4b4114b15396cbf90171b92e6c079e9268f3353",
     "cbdfd9dee5faad3818d6b06f95a219fd290b0e1706f6a82e5a595b9ce9faca62"},
    {136, "746fc08a969bf648d0e16bbeb8b3e2ab33a94caa1aa4d7882db673f8",
     "7ce759f1ab7f9ce437719970c26b0a66ff11fe3e38e17df89cf5d29c7d7f807e"},
    {137, "6bb28759f137e72a4dd54d6b484d857faede9b33ff38c7202297c055",
     "ac73d4fae68b8453f764007c1a20ce95994187861f0c3227a3a8e99a73a3b1db"},
    {143, "374a82237511b565f6e4216e9abec3ac081027dc05265c697b32c284",
     "f1c4711a2aa3eb612d59ddbc7c6e8ea7b0025a3ed13bd45ee926823e1d13624f"},
    {144, "d271397e154ebd140589c670e5b04f0dc287c660db53483683c03525",
     "36b6c310c763efcdcd51591b27ac640ec854bf8da8e413f4cc0f4a29e2a48dbc"},
    {145, "fb59302af80b4f37c2931f6475bd6a782805dcd14f5087c84e401f5c",
     "231243f69471e71259e4548fc86c73ad2ababe26f06ef5f99962a445ae2f2bee"},
    {71, "04407d2aa7cc99318851930443b9b40e460f9c4a94015a3ad69655a0",
     "90b85da48683b012aa9fceba0e81fa6b724c3ffc7f358166d6aedeec6608e601"},
    {72, "064266cc9f576342aa334fcd9380076c24c97dcff31437dce9275a42",
     "0c478a57041f7910bdbeef2ab6286eb293068cad92c797e265cb46f3ee8801b7"},
    {73, "894e3e76ce8e47b5e9e453c0a13043add1b8cec28671d10cf7f2fe34",
     "1e84eb5179d80098682d224d9e6ce1f37c9d5bf4b817a220c4de5d03d55f6ae9"},
    {103, "1dff7242e29f08c61cf0c2592a9bb7e241fd8215faaec10e6774722f",
     "a10159d654425c47c7433b44e4d4de7d0e8dd107119eb7c59e130a8292b35623"},
    {104, "f7a31734522f540ba5f14c159e7e6a1bbed99eb1800ea52af1f73538",
     "66ac308cf5e4113f5e821881583ba1e371736b22fc2bdaf34d9af78f019abba8"},
    {105, "4c7cc838c5434ed03b9b76d9b5e0c9780430351697f72f805c4fd0e2",
     "6ad13006fab59840bb78584d58edc5576e2e4e29652d584d1ec24520ef2c2c56"},
};

TEST_CASE("Keccak pads inputs of any size", "[keccak]") {
  for (const auto& vector : kVectors) {
    CAPTURE(vector.size);
    CHECK(keccak<28>(pattern(vector.size)) == vector.keccak_224);
    CHECK(keccak<32>(pattern(vector.size)) == vector.keccak_256);
  }
}

}  // namespace
}  // namespace daphnis
