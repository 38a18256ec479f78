#include <algorithm>

#include "common/base/check.h"
#include "common/request/car_request.h"
#include "common/request/request_fields.h"
#include "common/request/request_target.h"

using namespace daphnis;

/// The first byte chooses what the rest is: the bytes of a canonical request, or a request target.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const Bytes input(data + 1, size - 1);
  if (data[0] % 2 == 0) {
    const auto request = decode_car_request(input);
    if (request) {
      check(std::ranges::equal(encode(*request), input), "what decodes is canonical");
      const auto again = decode_car_request(encode(*request));
      check(again && *again == *request, "what encodes decodes to itself");
    }
    return 0;
  }
  const auto target = http::split_target(as_text(input));
  if (!target) return 0;
  if (const auto query = http::Query::parse(target->query)) {
    if (const std::string* range = query->find("entity-bytes")) {
      if (const auto parsed = parse_entity_bytes(*range)) {
        check(parse_entity_bytes(to_text(*parsed)) == *parsed, "a range's text reads back");
      }
    }
  }
  const auto path = http::parse_ipfs_path(target->path);
  if (!path) return 0;
  const auto again = http::parse_ipfs_path(http::to_text(*path));
  check(again && *again == *path, "a path's canonical text is the same path");
  const CarRequest request{.root = path->root, .path = path->segments};
  const auto back = decode_car_request(encode(request));
  check(back && *back == request, "a path that was read makes a canonical request");
  return 0;
}
