// Tests of what is over within its own call: it lives until the input has been handled.

#include "worker/client/retired.h"

#include <catch2/catch.hpp>
#include <memory>
#include <utility>

#include "worker/client/exchange.h"

namespace daphnis::worker::test {
namespace {

struct Silent final : ExchangeOwner {
  void on_answer(Exchange&, uint64_t) override {}
};

/// A responder that lets another take its exchange over within each call, and notes its own end.
class Replaced final : public Responder {
 public:
  Replaced(Exchange& exchange, bool& is_gone) : exchange_(exchange), is_gone_(is_gone) {}
  ~Replaced() override { is_gone_ = true; }

  void on_space(uint64_t) override { replace(); }
  bool on_file_lost(const FileRange&, int, uint64_t) override {
    exchange_.resume();
    replace();
    return true;
  }
  void on_over(uint64_t) override { is_over = true; }

  bool is_over = false;

 private:
  void replace() {
    exchange_.set_responder(nullptr);
    CHECK(!is_gone_);
  }

  Exchange& exchange_;
  bool& is_gone_;
};

constexpr size_t kHighBytes = 100;

/// An exchange in the middle of its content, whose queue is full.
struct Begun {
  Begun() {
    exchange.set_responder(std::make_unique<Replaced>(exchange, is_gone));
    exchange.start(Response{.status = 200}, 1);
    Slices content{slice_of(kHighBytes)};
    exchange.push(content, 1);
    REQUIRE(exchange.is_full());
  }
  static Slice slice_of(size_t size) {
    BufferRef buffer = BufferRef::allocate(size);
    const uint8_t* data = buffer.data();
    return {std::move(buffer), data, size};
  }

  bool is_gone = false;
  Silent owner;
  Retired retired;
  Exchange exchange{owner, retired, {}, true, Client{"client"}, kHighBytes, 1};
};

}  // namespace

TEST_CASE("a responder that is replaced within its own call lives until the input ends",
          "[worker][session]") {
  Begun begun;
  SECTION("when the queue has space again") {
    begun.exchange.on_content_written(kHighBytes, 2);
  }
  SECTION("when a file is lost") {
    begun.exchange.on_file_lost(0, 2);
    CHECK(begun.exchange.state() == Exchange::State::kContent);
  }
  CHECK(!begun.is_gone);
  CHECK(begun.retired.size() == 1);
  begun.retired.clear();
  CHECK(begun.is_gone);
  CHECK(begun.retired.size() == 0);
}

TEST_CASE("a responder that is replaced is called no more", "[worker][session]") {
  Begun begun;
  auto last = std::make_unique<Replaced>(begun.exchange, begun.is_gone);
  const Replaced& kept = *last;
  begun.exchange.set_responder(std::move(last));
  begun.retired.clear();
  begun.is_gone = false;
  begun.exchange.release(2);
  CHECK(kept.is_over);
  CHECK(begun.retired.size() == 0);
}

TEST_CASE("an exchange that is over keeps its responder until the input ends",
          "[worker][session]") {
  bool is_gone = false;
  Silent owner;
  Retired retired;
  auto exchange = std::make_unique<Exchange>(owner, retired, http::Head{}, true, Client{"client"},
                                             kHighBytes, uint64_t{1});
  exchange->set_responder(std::make_unique<Replaced>(*exchange, is_gone));
  retired.add(std::move(exchange));
  CHECK(!is_gone);
  retired.clear();
  CHECK(is_gone);
}

}  // namespace daphnis::worker::test
