#include "common/base/slice.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

#include "tests/fakes/dies.h"

namespace daphnis {
namespace {

Slice slice_of(std::string_view text) {
  return Slice::copy_of(as_bytes(text));
}

TEST_CASE("a slice of a copy holds the bytes by itself", "[slice]") {
  std::string text = "content";
  const Slice slice = slice_of(text);
  text[0] = 'X';
  CHECK(as_text(slice.bytes()) == "content");
  CHECK(slice.buffer.is_unique());
  const Slice empty = slice_of("");
  CHECK(empty.size == 0);
  CHECK(empty.bytes().empty());
}

TEST_CASE("a part of a slice keeps the buffer alive", "[slice]") {
  Slice part;
  {
    const Slice whole = slice_of("0123456789");
    part = whole.part(3, 4);
    CHECK_FALSE(part.buffer.is_unique());
    CHECK(whole.part(10, 0).size == 0);
    CHECK(as_text(whole.part(0, 10).bytes()) == "0123456789");
  }
  CHECK(part.buffer.is_unique());
  CHECK(as_text(part.bytes()) == "3456");
  CHECK(as_text(part.part(1, 2).bytes()) == "45");
}

TEST_CASE("a part outside its slice is a bug", "[slice]") {
  const Slice slice = slice_of("0123");
  CHECK(test::dies([&] { static_cast<void>(slice.part(0, 5)); }));
  CHECK(test::dies([&] { static_cast<void>(slice.part(5, 0)); }));
  CHECK(test::dies([&] { static_cast<void>(slice.part(1, SIZE_MAX)); }));
  CHECK_FALSE(test::dies([&] { static_cast<void>(slice.part(4, 0)); }));
}

TEST_CASE("slices are counted and joined in order", "[slice]") {
  const Slices slices = {slice_of("ab"), slice_of(""), slice_of("cde"), slice_of("abc").part(2, 1)};
  CHECK(total_size(slices) == 6);
  CHECK(as_text(joined(slices)) == "abcdec");
  CHECK(total_size({}) == 0);
  CHECK(joined({}).empty());
}

TEST_CASE("a reference counts by copy and move alike", "[slice]") {
  BufferRef first = BufferRef::allocate(16);
  CHECK(first.capacity() == 16);
  CHECK(first.is_unique());
  BufferRef second = first;
  CHECK_FALSE(first.is_unique());
  CHECK(second.data() == first.data());
  const BufferRef third = std::move(first);
  CHECK_FALSE(first);  // NOLINT(bugprone-use-after-move): a moved-from reference is empty
  CHECK_FALSE(first.is_unique());
  second = BufferRef();
  CHECK(third.is_unique());
  BufferRef fourth = third;
  BufferRef& same = fourth;
  fourth = same;
  CHECK(fourth.data() == third.data());
}

TEST_CASE("a pool takes its buffers back and hands them out again", "[slice]") {
  BufferPool pool;
  const uint8_t* place = nullptr;
  {
    const BufferRef buffer = pool.take();
    CHECK(buffer.capacity() == limits::kPooledBufferBytes);
    CHECK(pool.in_use() == 1);
    place = buffer.data();
    const Slice slice{buffer, buffer.data(), 5};
    CHECK_FALSE(buffer.is_unique());
  }
  CHECK(pool.in_use() == 0);
  const BufferRef again = pool.take();
  CHECK(again.data() == place);
}

TEST_CASE("a pool keeps no more idle buffers than its bound", "[slice]") {
  BufferPool pool;
  std::vector<BufferRef> taken;
  for (size_t i = 0; i < limits::kPooledBuffersKept + 3; ++i) taken.push_back(pool.take());
  CHECK(pool.in_use() == limits::kPooledBuffersKept + 3);
  std::vector<const uint8_t*> places;
  for (const BufferRef& buffer : taken) places.push_back(buffer.data());
  taken.clear();
  CHECK(pool.in_use() == 0);
  CHECK(pool.idle() == limits::kPooledBuffersKept);
}

TEST_CASE("a buffer that outlives its pool is a bug", "[slice]") {
  CHECK(test::dies([] {
    BufferRef kept;
    BufferPool pool;
    kept = pool.take();
  }));
}

}  // namespace
}  // namespace daphnis
