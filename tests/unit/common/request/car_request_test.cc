#include "common/request/car_request.h"

#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "common/base/limits.h"

using namespace daphnis;

namespace {

const char* const kRoots[] = {"bafkqaaa",
                              "bafkreihhpc5y2pqvl5rbe5uuyhqjouybfs3rvlmisccgzue2kkt5zq6upq",
                              "bafybeietjm63oynimmv5yyqay33nui4y4wx6u3peezwetxgiwvfmelutzu",
                              "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"};

Cid cid(const char* text) {
  auto made = Cid::from_text(text);
  REQUIRE(made);
  return *made;
}

/// A canonical request of few possible values for each field, so that similar ones are common.
CarRequest random_request(std::mt19937& random) {
  const auto pick = [&random](unsigned n) { return static_cast<unsigned>(random() % n); };
  CarRequest request{.root = cid(kRoots[pick(4)])};
  if (pick(5) == 0) {
    request.format = AnswerFormat::kRaw;
    request.scope = DagScope::kBlock;
    return request;
  }
  const char* const segments[] = {"a",
                                  "b",
                                  "ab",
                                  "\x01",
                                  "\x01"
                                  "a",
                                  "\xc3\xa4",
                                  "a\x01",
                                  "aa"};
  for (unsigned n = pick(4); n > 0; --n) request.path.emplace_back(segments[pick(8)]);
  request.scope = static_cast<DagScope>(pick(3));
  request.dups = pick(2) == 0;
  if (request.scope == DagScope::kEntity && pick(2) == 0) {
    const int64_t numbers[] = {0, 1, -1, 255, 256, INT64_MAX, INT64_MIN};
    request.bytes = ByteRange{.from = numbers[pick(7)], .to = {}};
    if (pick(2) == 0) request.bytes->to = numbers[pick(7)];
  }
  return request;
}

}  // namespace

TEST_CASE("a request survives encoding and different ones never share a form",
          "[http][car_request]") {
  const unsigned seed = 20240611;
  CAPTURE(seed);
  std::mt19937 random(seed);
  std::map<std::vector<uint8_t>, CarRequest> seen;
  std::map<RequestKey, CarRequest> keys;
  for (int i = 0; i < 20'000; ++i) {
    const CarRequest request = random_request(random);
    const auto form = encode(request);
    const auto back = decode_car_request(form);
    REQUIRE(back);
    REQUIRE(*back == request);
    const auto [at, fresh] = seen.emplace(form, request);
    REQUIRE((fresh || at->second == request));
    const auto [key_at, key_fresh] = keys.emplace(key_of(request), request);
    REQUIRE(key_fresh == fresh);
  }
  CHECK(seen.size() > 5'000);
}

TEST_CASE("bytes that decode are the canonical form of what they decode to",
          "[http][car_request]") {
  const unsigned seed = 7;
  CAPTURE(seed);
  std::mt19937 random(seed);
  size_t decoded = 0;
  for (int i = 0; i < 100'000; ++i) {
    auto form = encode(random_request(random));
    const size_t edits = 1 + random() % 2;
    for (size_t n = 0; n < edits; ++n) {
      const size_t at = random() % form.size();
      switch (random() % 3) {
        case 0:
          form[at] = static_cast<uint8_t>(random());
          break;
        case 1:
          form.insert(form.begin() + static_cast<ptrdiff_t>(at), static_cast<uint8_t>(random()));
          break;
        default:
          form.erase(form.begin() + static_cast<ptrdiff_t>(at));
          break;
      }
      if (form.empty()) break;
    }
    const auto request = decode_car_request(form);
    if (!request) continue;
    ++decoded;
    REQUIRE(encode(*request) == form);
  }
  CHECK(decoded > 100);
}

TEST_CASE("a form cut anywhere or with bytes behind it is refused", "[http][car_request]") {
  CarRequest request{.root = cid(kRoots[2])};
  request.path = {"subdir", "ascii.txt"};
  request.scope = DagScope::kEntity;
  request.bytes = ByteRange{.from = 3, .to = -5};
  auto form = encode(request);
  for (size_t size = 0; size < form.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(decode_car_request(Bytes(form).first(size)));
  }
  form.push_back(0);
  CHECK_FALSE(decode_car_request(form));
}

TEST_CASE("forms that are not canonical are refused", "[http][car_request]") {
  const CarRequest plain{.root = cid(kRoots[1])};
  const auto refused = [](const CarRequest& request) {
    return !decode_car_request(encode(request)).has_value();
  };
  CHECK_FALSE(refused(plain));
  for (std::string segment : {"", ".", "..", "a/b", "\xff", "\xed\xa0\x80"}) {
    CAPTURE(segment);
    CarRequest request = plain;
    request.path = {segment};
    CHECK(refused(request));
  }
  CarRequest request = plain;
  request.path = {std::string("a\0b", 3)};
  CHECK(refused(request));
  request = plain;
  request.bytes = ByteRange{};
  CHECK(refused(request));
  request = plain;
  request.format = AnswerFormat::kRaw;
  CHECK(refused(request));
  request.scope = DagScope::kBlock;
  CHECK_FALSE(refused(request));
  request.dups = true;
  CHECK(refused(request));
  request = plain;
  request.path.assign(limits::kPathSegmentsMax, "a");
  CHECK_FALSE(refused(request));
  request.path.emplace_back("a");
  CHECK(refused(request));
  request.path = {std::string(limits::kHttpTargetBytesMax + 1, 'a')};
  CHECK(refused(request));
}

TEST_CASE("a request for one block is known by its scope, or by a root without links",
          "[http][car_request]") {
  const CarRequest leaf{.root = *Cid::v1(codec::kRaw, 0x12, std::vector<uint8_t>(32))};
  const CarRequest node{.root = *Cid::v1(codec::kDagPb, 0x12, std::vector<uint8_t>(32))};
  CHECK(asks_for_one_block(leaf));
  CHECK_FALSE(asks_for_one_block(node));
  CarRequest request = node;
  request.scope = DagScope::kBlock;
  CHECK(asks_for_one_block(request));
  request.format = AnswerFormat::kRaw;
  CHECK(asks_for_one_block(request));
  request = node;
  request.scope = DagScope::kBlock;
  request.path = {"a"};
  CHECK_FALSE(asks_for_one_block(request));
  request = leaf;
  request.scope = DagScope::kEntity;
  CHECK(asks_for_one_block(request));
  request.bytes = ByteRange{.from = 1, .to = {}};
  CHECK_FALSE(asks_for_one_block(request));
}

TEST_CASE("requests whose segments end at other places differ", "[http][car_request]") {
  CarRequest one{.root = cid(kRoots[1])};
  CarRequest two = one;
  one.path = {"a", "b"};
  two.path = {"ab"};
  CHECK(key_of(one) != key_of(two));
}
