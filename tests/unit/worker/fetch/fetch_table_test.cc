// Tests of the table of fetches: how a fetch is found, joined, asked for anew and dropped.

#include "worker/fetch/fetch_table.h"

#include <catch2/catch.hpp>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "tests/unit/worker/fake_feed.h"
#include "tests/unit/worker/rig.h"
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
  Fetch& begin(uint8_t key) {
    RequestKey of{};
    of[0] = key;
    return fetches.begin(CarRequest{}, of, "trace", Network{}, kNow);
  }
  /// The one message to the broker; fails the test where there are more or none, or another.
  template <class Message>
  Message only() {
    const auto messages = broker.take_messages();
    REQUIRE(messages.size() == 1);
    REQUIRE(std::holds_alternative<Message>(messages[0]));
    return std::get<Message>(messages[0]);
  }

  BrokerSession broker{0, 1};
  Agenda agenda;
  Numbers numbers;
  Settings settings;
  Cache cache{broker};
  SpoolBook spools{broker, numbers, "0-1-"};
  FetchContext context{
      .broker = broker, .agenda = agenda, .cache = cache, .spools = spools, .settings = settings};
  FetchTable fetches{context, numbers, settings};
};

struct Silent final : ExchangeOwner {
  void on_answer(Exchange&, uint64_t) override {}
};

/// A reader that takes no part of the output, and counts how often it was told of a failure.
struct Reader : FetchReader {
  void on_output(Fetch&, Slices& output, uint64_t) override { output.clear(); }
  void on_file_output(Fetch&, FileRange, uint64_t) override {}
  void on_whole(Fetch&, uint64_t) override {}
  void on_failed(Fetch&, Outcome, uint32_t, uint64_t) override { ++failures; }
  bool is_full() const override { return false; }
  uint64_t taken() const override { return 0; }
  void on_moved(Fetch&) override {}
  const std::string& address() const override { return name; }
  const std::string& trace_id() const override { return name; }

  int failures = 0;
  std::string name = "reader";
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
  Fetch& fetch = table.begin(1);
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
  Fetch& first = table.begin(1);
  first.fail(Outcome::kDeadline, 0, kNow);
  CHECK(!table.fetches.find_joinable(first.key()));
  CHECK(table.fetches.is_under_way(first.key()));
  Fetch& last = table.begin(1);
  CHECK(table.fetches.find_joinable(first.key()) == &last);
  table.fetches.erase(first);
  CHECK(table.fetches.find_joinable(last.key()) == &last);
}

TEST_CASE("a fetch is found by its last question alone", "[fetch]") {
  Table table;
  Fetch& fetch = table.begin(1);
  const QuestionId first = fetch.question_id();
  CHECK(first == QuestionId{std::to_underlying(fetch.id())});
  CHECK(table.only<ipc::Fetch>().fetch_id == std::to_underlying(first));
  CHECK(table.fetches.find_asked(first) == &fetch);
  table.fetches.ask(fetch, false, kNow);
  CHECK(fetch.question_id() == first);
  CHECK(!table.only<ipc::Fetch>().must_not_join);

  table.fetches.ask(fetch, true, kNow);
  const QuestionId second = fetch.question_id();
  CHECK(table.only<ipc::Fetch>().must_not_join);
  CHECK(!table.fetches.find_asked(first));
  CHECK(table.fetches.find_asked(second) == &fetch);
  table.fetches.ask(fetch, false, kNow);
  CHECK(fetch.question_id() == second);

  table.fetches.ask(fetch, true, kNow);
  const QuestionId third = fetch.question_id();
  CHECK(!table.fetches.find_asked(second));
  CHECK(table.fetches.find_asked(third) == &fetch);
  table.fetches.erase(fetch);
  CHECK(!table.fetches.find_asked(third));
}

TEST_CASE("a fetch waits for a broker that is away", "[fetch]") {
  Table table;
  table.broker.on_closed();
  const Fetch& fetch = table.begin(1);
  CHECK(is_none(fetch.question_id()));
  CHECK(fetch.is_waiting());
  CHECK(table.broker.take_messages().empty());
  CHECK(table.agenda.next_call_ms() == kNow + table.settings.broker_wait_ms);
}

TEST_CASE("a fetch that was refused for now asks again once", "[fetch]") {
  Table table;
  Fetch& fetch = table.begin(1);
  CHECK(!table.fetches.take_asks_again(fetch));
  table.fetches.set_asks_again(fetch);
  CHECK(table.fetches.take_asks_again(fetch));
  CHECK(!table.fetches.take_asks_again(fetch));
}

TEST_CASE("fetches are listed oldest first", "[fetch]") {
  Table table;
  std::vector<Fetch*> added;
  for (uint8_t key = 0; key < 20; ++key) added.push_back(&table.begin(key));
  CHECK(table.fetches.oldest_first() == added);
}

TEST_CASE("a fetch is dropped when its last reader has left, and the broker is told", "[fetch]") {
  Table table;
  Fetch& fetch = table.begin(1);
  const uint64_t question = table.only<ipc::Fetch>().fetch_id;
  Reader reader;
  fetch.add_reader(reader, kNow);
  table.fetches.drop_if_unwanted(fetch, kNow);
  REQUIRE(table.fetches.size() == 1);

  fetch.remove_reader(reader, kNow);
  table.fetches.drop_if_unwanted(fetch, kNow);
  CHECK(table.fetches.size() == 0);
  CHECK(table.only<ipc::CancelFetch>().fetch_id == question);
}

TEST_CASE("a fetch that has failed is dropped without a word to the broker", "[fetch]") {
  Table table;
  Fetch& fetch = table.begin(1);
  CHECK(table.broker.take_messages().size() == 1);
  Reader reader;
  fetch.add_reader(reader, kNow);
  fetch.fail(Outcome::kDeadline, 0, kNow);
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
  Exchange exchange(owner, retired, {}, true, {"client"}, 100, kNow);
  Fetch& fetch = table.begin(1);
  bool is_gone = false;
  auto leaving = std::make_unique<Leaving>(exchange, is_gone);
  FetchReader& reader = *leaving;
  exchange.set_responder(std::move(leaving));
  fetch.add_reader(reader, kNow);
  const SampleCar car;
  CarRequest wanted;
  wanted.root = car.root;
  FakeFeed feed;
  PoolRate pool;
  const Proof::Context context{table.settings, table.fetches, pool};
  Proof proof({}, wanted, context, feed, kNow);
  fetch.add_source(proof, ipc::Admission::kNo, kNow);
  proof.on_bytes(Slice::copy_of(Bytes(car.bytes).first(car.section_ends[0])), kNow);
  proof.on_input_used(kNow);
  CHECK(!is_gone);
  CHECK(!fetch.has_readers());
  retired.clear();
  CHECK(is_gone);
  proof.on_cut(kNow);
}

}  // namespace daphnis::worker::test
