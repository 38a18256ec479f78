// Tests of the small parts of the worker.

#include <catch2/catch.hpp>

#include "worker/base/agenda.h"
#include "worker/base/connection.h"
#include "worker/base/rate_watch.h"
#include "worker/base/stall_clock.h"
#include "worker/client/output_queue.h"

namespace daphnis::worker::test {
namespace {

Slice part_of(const BufferRef& buffer, size_t offset, size_t size) {
  return {buffer, buffer.data() + offset, size};
}

size_t shown(const OutputQueue& queue, size_t views_max, size_t bytes_max) {
  std::vector<Bytes> views(views_max);
  size_t sum = 0;
  const size_t count = queue.views(views, bytes_max);
  for (size_t i = 0; i < count; ++i) sum += views[i].size();
  return sum;
}

/// A connection that waits for two deadlines at once, and asks for the later one first.
class Waiting final : public Connection {
 public:
  explicit Waiting(Agenda& agenda) : Connection(ConnectionId{1}, agenda) {}
  void on_time(uint64_t now_ms) override {
    be_called_at(now_ms + 1'000);
    be_called_at(now_ms + 100);
  }
  void on_bytes(const Slice&, uint64_t) override {}
  void on_eof(uint64_t) override {}
  void on_lost(uint64_t) override {}
  void on_written(size_t, uint64_t) override {}
  [[nodiscard]] size_t output(std::span<Bytes>) override { return 0; }
  [[nodiscard]] bool wants_input() const override { return false; }
  [[nodiscard]] bool keeps_input() const override { return false; }
  [[nodiscard]] Ending ending() const override { return Ending::kOpen; }
};

}  // namespace

TEST_CASE("an output queue gives back what was put in, first in first out", "[worker][queue]") {
  OutputQueue queue;
  std::string in;
  std::string out;
  size_t fed = 0;
  // The steps are uneven, and enough of them for the queue to move its entries together.
  for (size_t i = 0; i < 3'000; ++i) {
    const std::string text(i % 7, static_cast<char>('a' + i % 26));
    in += text;
    fed += text.size();
    queue.push(Slice::copy_of(as_bytes(text)));
    std::vector<Bytes> views(3);
    const size_t count = queue.views(views, i % 5);
    size_t taken = 0;
    for (size_t v = 0; v < count; ++v) {
      out.append(as_text(views[v]));
      taken += views[v].size();
    }
    queue.consume(taken);
    REQUIRE(queue.bytes() == fed - out.size());
  }
  while (!queue.is_empty()) {
    std::vector<Bytes> views(1);
    REQUIRE(queue.views(views, SIZE_MAX) == 1);
    out.append(as_text(views[0]));
    queue.consume(views[0].size());
  }
  CHECK(out == in);
  CHECK(queue.pinned_bytes() == 0);
}

TEST_CASE("an output queue shows no more views and bytes than are asked for", "[worker][queue]") {
  OutputQueue queue;
  const BufferRef buffer = BufferRef::allocate(100);
  for (size_t i = 0; i < 5; ++i) queue.push(part_of(buffer, i * 10, 10));
  CHECK(shown(queue, 3, SIZE_MAX) == 30);
  CHECK(shown(queue, 9, 25) == 25);
  CHECK(shown(queue, 9, SIZE_MAX) == 50);
}

TEST_CASE("a buffer counts as pinned once while any slice of it is queued", "[worker][queue]") {
  OutputQueue queue;
  const BufferRef one = BufferRef::allocate(100);
  const BufferRef two = BufferRef::allocate(1'000);
  queue.push(part_of(one, 0, 10));
  queue.push(part_of(one, 50, 10));
  CHECK(queue.pinned_bytes() == 100);
  queue.push(part_of(two, 0, 1));
  CHECK(queue.pinned_bytes() == 1'100);
  queue.consume(10);
  CHECK(queue.pinned_bytes() == 1'100);
  queue.consume(10);
  CHECK(queue.pinned_bytes() == 1'000);
  queue.consume(1);
  CHECK(queue.pinned_bytes() == 0);
}

TEST_CASE("a stall clock stands still while it is paused", "[worker][clock]") {
  StallClock clock;
  CHECK(clock.deadline_ms() == kNever);
  clock.start(100, 1'000);
  CHECK(clock.deadline_ms() == 1'100);
  clock.pause(1'060);
  CHECK(clock.deadline_ms() == kNever);
  CHECK(!clock.has_passed(9'999));
  clock.resume(5'000);
  CHECK(clock.deadline_ms() == 5'040);
  CHECK(clock.has_passed(5'040));
  SECTION("started while paused it begins when it is resumed") {
    clock.pause(5'000);
    clock.start(70, 5'001);
    CHECK(clock.deadline_ms() == kNever);
    clock.resume(6'000);
    CHECK(clock.deadline_ms() == 6'070);
  }
  SECTION("stopped it has no deadline") {
    clock.stop();
    clock.pause(1);
    clock.resume(2);
    CHECK(clock.deadline_ms() == kNever);
  }
}

TEST_CASE("a rate is judged at the end of each window", "[worker][clock]") {
  RateWatch rate;
  rate.run(1'000, 10'000, 0);
  CHECK(!rate.is_too_slow(1'000, 10, 9'999));
  SECTION("enough") {
    CHECK(!rate.is_too_slow(1'100, 10, 10'000));
    CHECK(rate.ends_ms() == 20'000);
    CHECK(rate.is_too_slow(1'199, 10, 20'000));
  }
  SECTION("too little") {
    CHECK(rate.is_too_slow(1'099, 10, 10'000));
  }
  SECTION("a count that fell has not moved") {
    CHECK(rate.is_too_slow(900, 10, 10'000));
  }
  SECTION("a watch that is stopped judges nothing") {
    rate.stop();
    CHECK(!rate.is_too_slow(0, 10, 99'999));
  }
}

TEST_CASE("an agenda calls by time, the earliest first", "[worker][agenda]") {
  Agenda agenda;
  CHECK(agenda.next_call_ms() == kNever);
  agenda.call_at(ConnectionId{7}, 300);
  agenda.call_at(ConnectionId{8}, 100);
  agenda.call_at(FetchId{8}, 200);
  CHECK(agenda.next_call_ms() == 100);
  CHECK(!agenda.take_due(99));
  CHECK(agenda.take_due(250)->callee == Agenda::Callee(ConnectionId{8}));
  CHECK(agenda.take_due(250)->callee == Agenda::Callee(FetchId{8}));
  CHECK(!agenda.take_due(250));
  CHECK(agenda.next_call_ms() == 300);
}

TEST_CASE("a connection with several deadlines is called for one at a time", "[worker][agenda]") {
  Agenda agenda;
  Waiting waiting(agenda);
  waiting.on_time(0);
  size_t calls = 0;
  for (uint64_t now_ms = 0; now_ms <= 10'000; now_ms += 10) {
    while (const auto call = agenda.take_due(now_ms)) {
      if (!Agenda::take_call(waiting, call->at)) continue;
      ++calls;
      waiting.on_time(now_ms);
    }
  }
  CHECK(calls == 100);
}

}  // namespace daphnis::worker::test
