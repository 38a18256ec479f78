#include <catch2/catch.hpp>
#include <string>

#include "l2/disk/delivery.h"
#include "tests/fakes/fixtures.h"
#include "tests/unit/l2/disk/temp_folder.h"

using namespace daphnis;
using namespace daphnis::l2;
using namespace daphnis::test;

namespace {

/// The delivery made in turns of about `turn` bytes; empty where it failed.
std::string delivered(Store& store, const Order& order, size_t turn) {
  Delivery delivery(store, order);
  std::string out;
  while (true) {
    const Delivery::Turn made = delivery.next(turn);
    if (made.failure) return {};
    for (const Slice& slice : made.slices) out += as_text(slice.bytes());
    if (made.is_last) return out;
  }
}

Order order_for(std::string_view root, bool dups) {
  const auto cid = Cid::from_text(root);
  REQUIRE(cid);
  return {.request = {.root = *cid, .dups = dups}};
}

}  // namespace

TEST_CASE("a delivery is the same however it is cut into turns", "[l2][delivery]") {
  const TempFolder folder;
  const auto car = read_fixture("valid/dir-mixed.car");
  folder.write("a.car", car);
  Store store(folder.path());
  (void)store.scan();
  Order order;
  CarReader reader(CarReader::Roots::kKept);
  REQUIRE(reader.step(car).event == CarReader::Event::kHeader);
  order.request = {.root = reader.roots().front(), .dups = true};
  const size_t turn = GENERATE(size_t{1}, size_t{100}, size_t{4096}, size_t{1} << 20);
  CHECK(delivered(store, order, turn) == text_of(car));
}

TEST_CASE(
    "skip leaves out that many blocks, of which leaves need not be held, and keeps the header",
    "[l2][delivery]") {
  const TempFolder folder;
  const std::string big(100'000, 'b');
  const auto root = directory({{"a", {raw_cid("one"), 0, 3}},
                               {"b", {raw_cid(big), 0, big.size()}},
                               {"c", {raw_cid("two"), 0, 3}}});
  const Sections all{root, {raw_cid("one"), "one"}, {raw_cid(big), big}, {raw_cid("two"), "two"}};
  folder.write("a.car", car_of(root.first, {root, all[2], all[3]}));
  Store store(folder.path());
  (void)store.scan();
  for (size_t skip = 2; skip < all.size(); ++skip) {
    Order order{.request = {.root = root.first}, .skip = skip};
    const Sections rest(all.begin() + static_cast<ptrdiff_t>(skip), all.end());
    for (const size_t turn : {size_t{1}, size_t{1} << 20}) {
      CAPTURE(skip, turn);
      CHECK(delivered(store, order, turn) == text_of(car_of(root.first, rest)));
      order.next = all[skip].first;
      CHECK(delivered(store, order, turn) == text_of(car_of(root.first, rest)));
    }
  }
}

TEST_CASE("a walk that goes on otherwise behind the skip is a missing block, never a missing root",
          "[l2][delivery]") {
  const TempFolder folder;
  const auto root = directory({{"a", {raw_cid("one"), 0, 3}}});
  folder.write("a.car", car_of(root.first, {root, {raw_cid("one"), "one"}}));
  Store store(folder.path());
  (void)store.scan();
  const CarRequest request{.root = root.first};
  const CarRequest block{.root = root.first, .scope = DagScope::kBlock};
  for (const Order& order : {Order{.request = request, .skip = 2},
                             Order{.request = request, .skip = 1, .next = raw_cid("two")},
                             Order{.request = block, .skip = 1}}) {
    Delivery delivery(store, order);
    const Delivery::Turn turn = delivery.next(1);
    REQUIRE(turn.failure);
    CHECK(turn.failure->code == Errc::kNotFound);
    CHECK(turn.lacks == NotFound::kBlock);
  }
  const auto other = directory({{"b", {raw_cid("one"), 0, 3}}});
  Delivery absent(store, {.request = {.root = other.first}, .skip = 1});
  CHECK(absent.next(1).lacks == NotFound::kRoot);
}

TEST_CASE("a block that is not held is known before the first byte", "[l2][delivery]") {
  const TempFolder folder;
  const auto root = directory({{"a", {raw_cid("one"), 0, 3}}, {"b", {raw_cid("two"), 0, 3}}});
  folder.write("a.car", car_of(root.first, {root, {raw_cid("one"), "one"}}));
  Store store(folder.path());
  (void)store.scan();
  Delivery absent(store, order_for(raw_cid("else").text(), false));
  const Delivery::Turn none = absent.next(1 << 20);
  CHECK(none.failure->code == Errc::kNotFound);
  CHECK(none.lacks == NotFound::kRoot);
  Delivery cut(store, order_for(root.first.text(), false));
  const Delivery::Turn part =
      cut.next(1 << 20);  // A turn holds the whole, so nothing has been sent.
  CHECK(part.failure);
  CHECK(part.lacks == NotFound::kBlock);
  Order path = order_for(root.first.text(), false);
  path.request.path = {"a"};
  CHECK_FALSE(delivered(store, path, 1 << 20).empty());
  path.is_understood = false;
  Delivery odd(store, path);
  const Delivery::Turn unknown = odd.next(1 << 20);
  CHECK(unknown.failure->code == Errc::kUnsupported);
  CHECK(unknown.lacks == NotFound::kUnspecified);
}

TEST_CASE("no buffer of a turn is shared with the delivery that made it", "[l2][delivery]") {
  const TempFolder folder;
  const auto car = read_fixture("valid/hamt-3000.car");
  folder.write("a.car", car);
  Store store(folder.path());
  (void)store.scan();
  CarReader reader(CarReader::Roots::kKept);
  REQUIRE(reader.step(car).event == CarReader::Event::kHeader);
  Delivery delivery(store, {.request = {.root = reader.roots().front()}});
  Delivery::Turn turn = delivery.next(10'000);
  REQUIRE_FALSE(turn.is_last);
  std::vector<BufferRef> buffers;
  for (Slice& slice : turn.slices) {
    if (buffers.empty() || buffers.back().data() != slice.buffer.data()) {
      buffers.push_back(std::move(slice.buffer));
    }
  }
  turn.slices.clear();
  for (const BufferRef& buffer : buffers) CHECK(buffer.is_unique());
}

TEST_CASE("an order that must be refused is refused by the blocks that prove why",
          "[l2][delivery]") {
  const TempFolder folder;
  const Cid jose = l2::sha256_cid(0x85, as_bytes("odd"));
  const auto root = directory({{"a", {raw_cid("one"), 0, 3}}});
  const auto mixed = directory({{"a", {raw_cid("one"), 0, 3}}, {"j", {jose, 0, 3}}});
  folder.write("a.car", car_of(root.first, {root, {raw_cid("one"), "one"}}));
  folder.write("b.car", car_of(mixed.first, {mixed, {jose, "odd"}}));
  Store store(folder.path());
  (void)store.scan();
  Order absent{.request = {.root = root.first, .path = {"favicon.ico"}}};
  CHECK(delivered(store, absent, 1 << 20) == text_of(car_of(root.first, {root})));
  Order codec{.request = {.root = mixed.first}};
  CHECK(delivered(store, codec, 1 << 20) == text_of(car_of(mixed.first, {mixed})));
  Order below{.request = {.root = jose}};
  CHECK(delivered(store, below, 1 << 20) == text_of(car_of(jose, {})));
  below.request.scope = DagScope::kBlock;
  CHECK(delivered(store, below, 1 << 20) == text_of(car_of(jose, {{jose, "odd"}})));
}
