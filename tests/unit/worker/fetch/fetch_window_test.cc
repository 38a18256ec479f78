#include "worker/fetch/fetch_window.h"

#include <catch2/catch.hpp>
#include <random>
#include <string>

namespace daphnis::worker {
namespace {

Slices slices_of(std::initializer_list<std::string_view> parts) {
  Slices out;
  for (const std::string_view part : parts) out.push_back(Slice::copy_of(as_bytes(part)));
  return out;
}

std::string read(const FetchWindow& window, uint64_t from, size_t bytes_max) {
  Slices out;
  window.read(from, bytes_max, out);
  const auto bytes = joined(out);
  return std::string(as_text(bytes));
}

}  // namespace

TEST_CASE("a window reads what it holds from any offset", "[worker][window]") {
  size_t pinned = 0;
  FetchWindow window(pinned);
  Slices output = slices_of({"abc", "", "defg"});
  window.append(output);
  CHECK(output.empty());
  const std::string all = "abcdefg";
  for (size_t from = 0; from <= all.size(); ++from) {
    for (size_t size = 0; size <= all.size() + 1; ++size) {
      CAPTURE(from, size);
      CHECK(read(window, from, size) == all.substr(from, size));
    }
  }
}

TEST_CASE("a window may begin in the middle of the output", "[worker][window]") {
  size_t pinned = 0;
  FetchWindow window(pinned);
  window.start_at(4);
  CHECK(window.begin() == 4);
  CHECK(window.bytes() == 0);
  Slices from_front = slices_of({"abc", "def"});
  CHECK(window.append_at(0, from_front));
  CHECK(window.begin() == 4);
  CHECK(read(window, 4, 10) == "ef");
  window.clear();
  CHECK(window.end() == 0);
}

TEST_CASE("a window takes of output that comes again only what lies behind its end",
          "[worker][window]") {
  const std::string all = "abcdefghij";
  for (size_t had = 0; had <= all.size(); ++had) {
    for (size_t from = 0; from <= had; ++from) {
      for (size_t cut = from; cut <= all.size(); ++cut) {
        CAPTURE(had, from, cut);
        size_t pinned = 0;
        FetchWindow window(pinned);
        Slices first = slices_of({all.substr(0, had)});
        window.append(first);
        Slices again = slices_of({all.substr(from, cut - from), all.substr(cut)});
        CHECK(window.append_at(from, again) == (had < all.size()));
        CHECK(again.empty());
        CHECK(read(window, 0, 100) == all);
      }
    }
  }
}

TEST_CASE("a window drops whole slices and says where it begins", "[worker][window]") {
  size_t pinned = 0;
  FetchWindow window(pinned);
  Slices output = slices_of({"abc", "defg", "hi"});
  window.append(output);
  window.drop_before(2);
  CHECK(window.begin() == 0);
  window.drop_before(3);
  CHECK(window.begin() == 3);
  CHECK(window.bytes() == 6);
  CHECK(read(window, 4, 100) == "efghi");
  window.drop_before(1'000);
  CHECK(window.begin() == 9);
  CHECK(window.end() == 9);
  CHECK(window.bytes() == 0);
  output = slices_of({"jk"});
  window.append(output);
  CHECK(read(window, 9, 100) == "jk");
}

TEST_CASE("a window counts each buffer it pins once, as a whole", "[worker][window]") {
  size_t pinned = 0;
  {
    FetchWindow window(pinned);
    const Slice body = Slice::copy_of(std::vector<uint8_t>(1'000));
    const Slice heads = Slice::copy_of(std::vector<uint8_t>(100));
    for (size_t i = 0; i < 10; ++i) {
      Slices output{heads.part(i * 10, 10), body.part(i * 100, 100)};
      window.append(output);
    }
    CHECK(window.pinned_bytes() == 1'100);
    CHECK(pinned == 1'100);
    window.drop_before(window.end());
    CHECK(pinned == 0);
    Slices again{body};
    window.append(again);
    CHECK(pinned == 1'000);
  }
  CHECK(pinned == 0);
}

TEST_CASE("whatever is dropped the rest of a window stays as it was", "[worker][window]") {
  std::mt19937 random(7);
  for (int round = 0; round < 50; ++round) {
    size_t pinned = 0;
    FetchWindow window(pinned);
    std::string all;
    for (int step = 0; step < 100; ++step) {
      Slices output;
      for (uint32_t i = random() % 4; i > 0; --i) {
        const std::string part(random() % 20, static_cast<char>('a' + random() % 26));
        all += part;
        output.push_back(Slice::copy_of(as_bytes(part)));
      }
      window.append(output);
      REQUIRE(window.end() == all.size());
      if (random() % 3 == 0) window.drop_before(random() % (all.size() + 1));
      const uint64_t from = window.begin() + random() % (window.bytes() + 1);
      const size_t size = random() % 50;
      REQUIRE(read(window, from, size) == all.substr(from, size));
    }
    window.drop_before(all.size());
    REQUIRE(pinned == 0);
  }
}

}  // namespace daphnis::worker
