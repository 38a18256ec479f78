#include "tests/fakes/fixtures.h"

#include <array>
#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>
#include <string_view>

#include "tests/unit/common/hex.h"

namespace daphnis::test {
namespace {

/// An adversarial CAR of one large raw block. It is built here, since only the number of its bytes
/// matters and the repository need not hold them (tests/fixtures/README.md).
struct BuiltFixture {
  std::string_view name;
  size_t block_size;        ///< The number of the block's bytes, which are 0, 1, … 250, 0, …
  std::string_view length;  ///< The section's length, as the CAR's varint.
  std::string_view block_sha256;  ///< In hex; a test compares the file with INDEX.json.
};

constexpr std::array kBuiltFixtures = {
    BuiltFixture{"adversarial/block-2mib-exact.car", 2 << 20, "a4808001",
                 "1e075c8d478ad21844e33e830a695ef03a4d2488b69ee275bd8947618bb1be1e"},
    BuiltFixture{"adversarial/block-3mib.car", 3 << 20, "a480c001",
                 "a1feacf0d812ba4d0b0e463ed45bbd583cea1de55c54693116754b30b5794745"},
    BuiltFixture{"adversarial/block-9mib.car", 9 << 20, "a480c004",
                 "5a9ed69fb98cb8ce976ff50dd58c64f3ad76ea56e5591551ad232a0c499d937d"},
};

std::vector<uint8_t> build_fixture(const BuiltFixture& fixture) {
  const std::string cid = "01551220" + std::string(fixture.block_sha256);
  std::vector<uint8_t> car = from_hex("3aa265726f6f747381d82a582500" + cid + "6776657273696f6e01" +
                                      std::string(fixture.length) + cid);
  car.reserve(car.size() + fixture.block_size);
  for (size_t i = 0; i < fixture.block_size; ++i) car.push_back(static_cast<uint8_t>(i % 251));
  return car;
}

}  // namespace

std::vector<uint8_t> read_fixture(const std::string& name) {
  for (const BuiltFixture& built : kBuiltFixtures) {
    if (built.name == name) return build_fixture(built);
  }
  const std::string path = std::string(DAPHNIS_FIXTURES) + "/" + name;
  std::ifstream file(path, std::ios::binary);
  if (!file) FAIL("cannot read " << path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string conformance_folder() {
  return DAPHNIS_CONFORMANCE;
}

}  // namespace daphnis::test
