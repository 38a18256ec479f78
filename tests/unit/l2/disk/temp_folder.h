#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/slice.h"
#include "common/ipld/car.h"
#include "tests/unit/l2/blocks.h"

namespace daphnis::test {

/// A folder for one test; its destruction removes the folder.
class TempFolder {
 public:
  TempFolder() {
    std::string name = std::filesystem::temp_directory_path() / "daphnis-l2.XXXXXX";
    REQUIRE(mkdtemp(name.data()));
    path_ = name;
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  [[nodiscard]] std::string path() const { return path_; }
  [[nodiscard]] std::string at(const std::string& name) const { return path_ / name; }
  /// The number of entries, hidden ones included.
  [[nodiscard]] size_t entries() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(path_), {}));
  }

  void write(const std::string& name, Bytes bytes) const {
    std::ofstream file(at(name), std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    REQUIRE(file.flush());
  }
  /// Sets a file's time of change to `seconds` ago, so that a store does not wait for its writer.
  void age(const std::string& name, int64_t seconds) const {
    struct stat status {};
    REQUIRE(stat(at(name).c_str(), &status) == 0);
    const timespec when{status.st_mtim.tv_sec - seconds, 0};
    const timespec times[2]{when, when};
    REQUIRE(utimensat(AT_FDCWD, at(name).c_str(), times, 0) == 0);
  }
  [[nodiscard]] std::string read(const std::string& name) const {
    std::ifstream file(at(name), std::ios::binary);
    REQUIRE(file);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

 private:
  std::filesystem::path path_;
};

using Sections = std::vector<std::pair<Cid, std::string>>;

/// A CARv1 of these blocks, which need not match their CIDs.
inline std::vector<uint8_t> car_of(const Cid& root, const Sections& sections) {
  std::array<uint8_t, kCarHeaderWrittenMax> header;
  const size_t header_size = write_car_header(root, header);
  std::vector<uint8_t> out(header.begin(), header.begin() + static_cast<ptrdiff_t>(header_size));
  for (const auto& [cid, body] : sections) {
    std::array<uint8_t, kSectionHeadBytesMax> head;
    const size_t size = write_section_head(cid, body.size(), head);
    out.insert(out.end(), head.begin(), head.begin() + static_cast<ptrdiff_t>(size));
    out.insert(out.end(), body.begin(), body.end());
  }
  return out;
}

inline std::string text_of(Bytes bytes) {
  return std::string(as_text(bytes));
}

/// A directory of these entries as a section.
inline std::pair<Cid, std::string> directory(const std::vector<l2::DagEntry>& entries) {
  const std::vector<uint8_t> block = l2::encode_directory(entries);
  return {l2::sha256_cid(codec::kDagPb, block), text_of(block)};
}

}  // namespace daphnis::test
