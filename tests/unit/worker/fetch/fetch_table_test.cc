// Tests of the table of fetches: how a fetch is found, joined, asked for anew and dropped.

#include "worker/fetch/fetch_table.h"

#include <catch2/catch.hpp>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "worker/client/exchange.h"

namespace daphnis::worker::test {
namespace {

constexpr uint64_t kNow = 1'000;

/// A table whose broker is up, and what its fetches need.
struct Table {
  Table() {
    broker.on_connected(kNow);
    REQUIRE(broker.on_message(ipc::Welcome{.node_id = "node-1"}, kNow) ==
            BrokerSession::Verdict::kUp);
    CHECK(!broker.take_messages().empty());
  }
  Fetch& add(uint8_t key) {
    RequestKey of{};
    of[0] = key;
    return fetches.add(std::make_unique<Fetch>(numbers.next<FetchId>(), CarRequest{}, of, "trace",
                                               kNow + 1'000, context));
  }
  /// The fetch asks the broker as a Worker has it ask.
  void ask(Fetch& fetch, bool must_not_join) {
    QuestionId question = FetchTable::same_question(fetch);
    if (must_not_join) {
      question = numbers.next<QuestionId>();
      fetches.set_next_question(fetch, question);
    }
    broker.send(fetch.ask(question, must_not_join, kNow));
  }

  BrokerSession broker{0, 1};
  Agenda agenda;
  Numbers numbers;
  Cache cache{broker};
  SpoolBook spools{broker, numbers, "0-1-"};
  FetchContext context{.broker = broker, .agenda = agenda, .cache = cache, .spools = spools};
  FetchTable fetches{broker};
};

struct Silent final : ExchangeOwner {
  void on_answer(Exchange&, uint64_t) override {}
};

/// A reader that takes no part of the output, and counts how often it was told of a failure.
struct Reader : FetchReader {
  void on_output(Fetch&, Slices& output, uint64_t) override { output.clear(); }
  void on_file_output(Fetch&, FileRange, uint64_t) override {}
  void on_whole(Fetch&, uint64_t) override {}
  void on_failed(Fetch&, FailureKind, uint32_t, uint64_t) override { ++failures; }
  bool begin_anew(uint64_t) override { return true; }
  bool is_full() const override { return false; }

  int failures = 0;
};

/// A reader that leaves its fetch and its exchange when the first output comes.
class Leaving final : public Responder, public Reader {
 public:
  Leaving(Exchange& exchange, bool& is_gone) : exchange_(exchange), is_gone_(is_gone) {}
  ~Leaving() override { is_gone_ = true; }

  void on_space(uint64_t) override {}
  void on_over(uint64_t) override {}
  void on_output(Fetch& fetch, Slices& output, uint64_t now_ms) override {
    output.clear();
    fetch.remove_reader(*this, now_ms);
    exchange_.set_responder(nullptr);
    CHECK(!is_gone_);
  }

 private:
  Exchange& exchange_;
  bool& is_gone_;
};

}  // namespace

TEST_CASE("a fetch is found by its number and its content until it is erased", "[fetch]") {
  Table table;
  Fetch& fetch = table.add(1);
  CHECK(table.fetches.find(fetch.id()) == &fetch);
  CHECK(table.fetches.find_joinable(fetch.key()) == &fetch);
  CHECK(table.fetches.is_under_way(fetch.key()));
  const FetchId id = fetch.id();
  const RequestKey key = fetch.key();
  table.fetches.erase(fetch);
  CHECK(!table.fetches.find(id));
  CHECK(!table.fetches.find_joinable(key));
  CHECK(!table.fetches.is_under_way(key));
  CHECK(table.fetches.size() == 0);
}

TEST_CASE("the last fetch of a content is the one that is joined", "[fetch]") {
  Table table;
  Fetch& first = table.add(1);
  first.fail(FailureKind::kDeadline, 0, kNow);
  CHECK(!table.fetches.find_joinable(first.key()));
  CHECK(table.fetches.is_under_way(first.key()));
  Fetch& last = table.add(1);
  CHECK(table.fetches.find_joinable(first.key()) == &last);
  table.fetches.erase(first);
  CHECK(table.fetches.find_joinable(last.key()) == &last);
}

TEST_CASE("a fetch is found by its last question alone", "[fetch]") {
  Table table;
  Fetch& fetch = table.add(1);
  const QuestionId first{std::to_underlying(fetch.id())};
  CHECK(FetchTable::same_question(fetch) == first);
  CHECK(!table.fetches.find_asked(first));
  table.ask(fetch, false);
  CHECK(table.fetches.find_asked(first) == &fetch);

  table.ask(fetch, true);
  const QuestionId second = fetch.question_id();
  CHECK(!table.fetches.find_asked(first));
  CHECK(table.fetches.find_asked(second) == &fetch);
  CHECK(FetchTable::same_question(fetch) == second);

  table.ask(fetch, true);
  CHECK(!table.fetches.find_asked(second));
  CHECK(table.fetches.find_asked(fetch.question_id()) == &fetch);
  const QuestionId third = fetch.question_id();
  table.fetches.erase(fetch);
  CHECK(!table.fetches.find_asked(third));
}

TEST_CASE("a fetch that was refused for now asks again once", "[fetch]") {
  Table table;
  Fetch& fetch = table.add(1);
  CHECK(!table.fetches.take_asks_again(fetch));
  table.fetches.set_asks_again(fetch);
  CHECK(table.fetches.take_asks_again(fetch));
  CHECK(!table.fetches.take_asks_again(fetch));
}

TEST_CASE("fetches are listed oldest first", "[fetch]") {
  Table table;
  std::vector<Fetch*> added;
  for (uint8_t key = 0; key < 20; ++key) added.push_back(&table.add(key));
  CHECK(table.fetches.oldest_first() == added);
}

TEST_CASE("a fetch is dropped when its last reader has left, and the broker is told", "[fetch]") {
  Table table;
  Fetch& fetch = table.add(1);
  table.ask(fetch, false);
  const auto question = std::to_underlying(fetch.question_id());
  CHECK(table.broker.take_messages().size() == 1);
  Reader reader;
  fetch.add_reader(reader, kNow);
  table.fetches.drop_if_unwanted(fetch, kNow);
  REQUIRE(table.fetches.size() == 1);

  fetch.remove_reader(reader, kNow);
  table.fetches.drop_if_unwanted(fetch, kNow);
  CHECK(table.fetches.size() == 0);
  const auto messages = table.broker.take_messages();
  REQUIRE(messages.size() == 1);
  CHECK(std::get<ipc::CancelFetch>(messages[0]).fetch_id == question);
}

TEST_CASE("a fetch that has failed is dropped without a word to the broker", "[fetch]") {
  Table table;
  Fetch& fetch = table.add(1);
  Reader reader;
  fetch.add_reader(reader, kNow);
  fetch.fail(FailureKind::kDeadline, 0, kNow);
  CHECK(reader.failures == 1);
  table.fetches.drop_if_unwanted(fetch, kNow);
  CHECK(table.fetches.size() == 0);
  CHECK(table.broker.take_messages().empty());
}

TEST_CASE("a reader that is replaced when output comes lives until the input ends",
          "[fetch][session]") {
  Table table;
  Silent owner;
  Retired retired;
  Exchange exchange(owner, retired, {}, true, "client", 100, kNow);
  Fetch& fetch = table.add(1);
  bool is_gone = false;
  auto leaving = std::make_unique<Leaving>(exchange, is_gone);
  FetchReader& reader = *leaving;
  exchange.set_responder(std::move(leaving));
  fetch.add_reader(reader, kNow);
  BufferRef buffer = BufferRef::allocate(10);
  const uint8_t* data = buffer.data();
  Slices output{Slice{std::move(buffer), data, 10}};
  fetch.on_output(output, kNow);
  CHECK(!is_gone);
  CHECK(!fetch.has_readers());
  retired.clear();
  CHECK(is_gone);
}

}  // namespace daphnis::worker::test
