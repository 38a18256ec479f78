#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace daphnis::test {

/// The bytes of a file of tests/fixtures, like "valid/adv-base.car"; three large ones are built.
/// Where there is none of this name, the test case fails and says so.
std::vector<uint8_t> read_fixture(const std::string& name);

/// Where the public conformance data stands, which this repository does not hold.
/// It is beside the checkout, if at all; without a slash at its end.
std::string conformance_folder();

}  // namespace daphnis::test
