#include <catch2/catch.hpp>

#include <cstring>
#include <deque>

#include "tests/unit/broker/cache/cache_rig.h"

namespace daphnis::broker {
namespace {

using Catch::Contains;

/// A broker with a cache and two workers, and lists of what may not be served.
class Denying : public CacheRig {
 public:
  Denying() {
    one = connect_worker();
    two = connect_worker();
  }

  void deny(uint64_t id) {
    broker.set_denylist({.place = {.id = id, .bytes = 1, .path = "/list"},
                         .files = {{.name = "a.deny"}, {.name = "b.deny", .lines_before = 10}},
                         .table = std::make_shared<DenyTable>(*DenyTable::open(memory_of(id))),
                         .rules = 3},
                        now_ms);
    carry_out();
  }
  void take(uint64_t id) {
    for (const WorkerId worker : {one, two}) tell(worker, ipc::DenylistTaken{id});
  }
  void keep(uint64_t spool, uint64_t n, uint64_t denylist_id) {
    reserve(one, spool, 1 * kMiB);
    const Cid cid = cid_number(n);
    const Bytes root = cid.bytes();
    tell(one, ipc::SpoolDone{.spool = spool,
                             .name = "0-77-" + std::to_string(spool),
                             .key = key_for(n),
                             .root = {root.begin(), root.end()},
                             .size = 100,
                             .denylist_id = denylist_id});
    run_folder();
  }
  /// The key of the file that the folder is to judge; nullopt: none.
  std::optional<RequestKey> judging() {
    std::optional<RequestKey> key;
    for (const ListBlocks& task : tasks_of<ListBlocks>()) {
      if (task.judge) key = task.key;
    }
    folder_tasks.clear();
    return key;
  }
  void judged(const RequestKey& key, BlocksListed::Verdict verdict) {
    folder(BlocksListed{.key = key, .blocks = {}, .is_last = true, .verdict = verdict});
  }
  bool is_swept() const { return broker.denials().list().place.is_swept; }

  WorkerId one{};
  WorkerId two{};

 private:
  Bytes memory_of(uint64_t id) {
    const DenyTableWriter writer;
    memories_.emplace_back(writer.bytes());
    writer.write(memories_.back(), id);
    return memories_.back();
  }
  std::deque<std::vector<uint8_t>> memories_;
};

}  // namespace

TEST_CASE("workers are told of a list, and those that come later find it in their welcome",
          "[broker][denials]") {
  Denying rig;
  rig.deny(5);
  for (const WorkerId worker : {rig.one, rig.two}) {
    const auto told = rig.inbox<ipc::TakeDenylist>(worker);
    REQUIRE(told.size() == 1);
    CHECK(told[0].denylist.id == 5);
  }
  CHECK(rig.broker.workers().behind_denylist() == 2);
  rig.take(5);
  CHECK(rig.broker.workers().behind_denylist() == 0);
  const WorkerId late = rig.connect_worker();
  CHECK(rig.inbox<ipc::Welcome>(late).at(0).denylist.id == 5);
}

TEST_CASE("a file that was judged by another list is not kept", "[broker][denials]") {
  Denying rig;
  rig.deny(5);
  rig.keep(1, 1, 5);
  CHECK(rig.stored(rig.one, 1) == true);
  rig.deny(6);
  rig.keep(2, 2, 5);
  CHECK(rig.stored(rig.one, 2) == false);
  CHECK(rig.index().entries() == 1);
}

TEST_CASE("another list makes the broker look through its files", "[broker][denials]") {
  Denying rig;
  for (uint64_t n = 1; n <= 3; ++n) rig.keep(n, n, 0);
  rig.folder_tasks.clear();
  rig.deny(5);
  size_t seen = 0;
  while (const auto key = rig.judging()) {
    CHECK_FALSE(rig.is_swept());
    ++seen;
    const bool is_bad = *key == key_for(2);
    rig.judged(*key, is_bad ? BlocksListed::Verdict::kDenied : BlocksListed::Verdict::kMay);
  }
  CHECK(seen == 3);
  CHECK(rig.is_swept());
  CHECK(rig.index().entries() == 2);
  CHECK_FALSE(rig.index().find(key_for(2)));
  CHECK(rig.broker.counters().cache_denied == 1);
  CHECK(rig.inbox<ipc::TakeDenylist>(rig.one).back().denylist.is_swept);
  SECTION("after its folder was away, through those of which it does not know") {
    rig.folder(FolderHealth{.is_up = false, .why = "gone"});
    CHECK_FALSE(rig.is_swept());
    CHECK_FALSE(rig.inbox<ipc::TakeDenylist>(rig.one).back().denylist.is_swept);
    rig.folder(FolderHealth{.is_up = true, .why = {}});
    rig.folder(FilesFound{.entries = {{.key = key_for(1), .root = cid_number(1), .size = 100},
                                      {.key = key_for(9), .root = cid_number(9), .size = 100}},
                          .is_last = true});
    CHECK(rig.judging() == key_for(9));
    CHECK_FALSE(rig.is_swept());
    rig.judged(key_for(9), BlocksListed::Verdict::kMay);
    CHECK(rig.is_swept());
  }
  SECTION("and by the next list once more") {
    rig.keep(4, 4, 5);
    rig.folder_tasks.clear();
    rig.deny(6);
    std::vector<RequestKey> keys;
    while (const auto key = rig.judging()) {
      keys.push_back(*key);
      rig.judged(*key, BlocksListed::Verdict::kMay);
    }
    CHECK_THAT(keys, Catch::UnorderedEquals(std::vector{key_for(1), key_for(3), key_for(4)}));
  }
}

TEST_CASE("after a restart only files that the list has not judged are looked through",
          "[broker][denials]") {
  std::vector<CacheEntry> entries;
  {
    Denying rig;
    rig.keep(1, 1, 0);
    rig.deny(5);
    rig.folder_tasks.clear();
    rig.judged(key_for(1), BlocksListed::Verdict::kMay);
    rig.keep(2, 2, 5);
    (void)rig.index().visit(0, 10, [&](const CacheEntry& entry) { entries.push_back(entry); });
    REQUIRE(entries.size() == 2);
  }
  entries.push_back({.key = key_for(3), .root = cid_number(3), .size = 100});
  entries.push_back({.key = key_for(4), .root = cid_number(4), .size = 100, .judged_by = 6});
  const uint64_t list = GENERATE(5, 7);
  Denying rig;
  rig.deny(list);
  rig.folder(FolderHealth{.is_up = false, .why = "a new scan"});
  rig.folder(FolderHealth{.is_up = true, .why = {}});
  rig.folder(FilesFound{.entries = entries, .is_last = true});
  std::vector<RequestKey> keys;
  while (const auto key = rig.judging()) {
    keys.push_back(*key);
    rig.judged(*key, BlocksListed::Verdict::kMay);
  }
  std::vector<RequestKey> wanted{key_for(3), key_for(4)};
  if (list == 7) wanted.insert(wanted.end(), {key_for(1), key_for(2)});
  CHECK_THAT(keys, Catch::UnorderedEquals(wanted));
  CHECK(rig.is_swept());
}

TEST_CASE("a request whose block was denied is refused at once from then on", "[broker][denials]") {
  Denying rig;
  rig.deny(5);
  rig.take(5);
  const ConnId home = rig.register_l2("home", "?v=2&capacity=8");
  const CarRequest request{.root = cid_number(7)};
  const auto ask = [&](WorkerId worker, uint64_t fetch_id) {
    rig.tell(worker, ipc::Fetch{.fetch_id = fetch_id,
                                .request = request,
                                .key = key_of(request),
                                .trace_id = "t",
                                .deadline_ms = 30'000});
  };
  ask(rig.one, 1);
  ask(rig.two, 20);
  rig.post(home, cid_number(7));
  const auto handoffs = rig.inbox<ipc::Handoff>(rig.one);
  REQUIRE(handoffs.size() == 1);
  rig.tell(rig.one,
           ipc::AttemptEnded{.fetch_id = 1,
                             .attempt_id = handoffs[0].attempt_id,
                             .outcome = Outcome::kCancelled,
                             .blocks_proven = 3,
                             .denied_by = {.denylist_id = 5, .rule = 12, .is_legal = true}});
  // Those that follow hear of it, and so does who asks later.
  CHECK(rig.failure(rig.two, 20) == Outcome::kDeniedLegally);
  ask(rig.one, 2);
  CHECK(rig.failure(rig.one, 2) == Outcome::kDeniedLegally);
  CHECK(rig.inbox<ipc::FetchFailed>(rig.one).back().retry_after_s == 0);
  CHECK(rig.orders(home).size() == 1);
  CHECK(rig.broker.counters().denied_blocks == 1);
  CHECK(rig.broker.counters().denied_again == 1);
  CHECK(rig.broker.is_quiet());
  rig.deny(6);
  ask(rig.one, 3);
  CHECK(rig.orders(home).size() == 2);
}

TEST_CASE("a rule is logged once an hour, with its file and line", "[broker][denials]") {
  Denials denials;
  denials.set(
      {.place = {.id = 5}, .files = {{.name = "a.deny"}, {.name = "b.deny", .lines_before = 10}}});
  const ipc::DeniedBy by{.denylist_id = 5, .rule = 12};
  const auto line = denials.note(by, cid_number(1), 1'000);
  REQUIRE(line);
  CHECK_THAT(line->text(), Contains("rule=b.deny:2 status=410"));
  CHECK_FALSE(denials.note(by, cid_number(2), 2'000));
  CHECK(denials.note({.denylist_id = 5, .rule = 10}, cid_number(2), 2'000));
  CHECK(denials.note(by, cid_number(1), 1'000 + kDeniedLogMs));
  CHECK_FALSE(denials.note({.denylist_id = 4, .rule = 1}, cid_number(1), 9'000));
  CHECK(denials.place_of(10) == "a.deny:10");
}

TEST_CASE("requests remembered as denied are bounded", "[broker][denials]") {
  Denials denials;
  denials.set({.place = {.id = 5}});
  const ipc::DeniedBy by{.denylist_id = 5, .rule = 1};
  for (uint64_t n = 0; n <= kDeniedKeysMax; ++n) {
    RequestKey key{};
    std::memcpy(key.data(), &n, sizeof n);
    denials.remember(key, by);
  }
  CHECK(denials.remembered() == kDeniedKeysMax);
  CHECK_FALSE(denials.find(RequestKey{}));
  denials.remember(RequestKey{}, {.denylist_id = 4, .rule = 1});
  CHECK_FALSE(denials.find(RequestKey{}));
}

TEST_CASE("a worker that knows of no lists is refused while there is one", "[broker][denials]") {
  Denying rig;
  rig.deny(5);
  const WorkerId old = rig.open_worker();
  rig.tell(old, ipc::Hello{.version_min = 6, .version_max = 6, .index = 3, .pid = 9});
  CHECK(rig.inbox<ipc::Refused>(old).size() == 1);
  CHECK(rig.inbox<ipc::Welcome>(old).empty());
}

}  // namespace daphnis::broker
