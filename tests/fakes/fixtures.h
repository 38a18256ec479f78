#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace daphnis::test {

/// The bytes of a file of tests/fixtures, like "valid/adv-base.car"; three large ones are built.
/// A missing file fails the test case.
std::vector<uint8_t> read_fixture(const std::string& name);

/// The folder of the public conformance data, without a slash at its end. This repository does not
/// hold the data: the folder lies beside the checkout, or does not exist.
std::string conformance_folder();

}  // namespace daphnis::test
