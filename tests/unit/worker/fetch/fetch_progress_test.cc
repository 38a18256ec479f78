// Tests of fetches that workers share through the leader's spool.

#include "tests/unit/worker/fetch/spool_rig.h"

namespace daphnis::worker::test {
namespace {

using Catch::Matchers::Contains;

/// A fetch whose first client has had a part of its answer from another worker's spool.
void begin_reading_along(SpoolRig& rig) {
  const std::string path = "/shm/1-1-1";
  rig.disk.files[path] = std::make_shared<MemoryFile>(rig.body());
  rig.join(ipc::JoinState::kGoing, 5'000, path);
  rig.disk.run(rig);
}

}  // namespace

TEST_CASE("a leader spools from the start and tells how far it is", "[spool][join]") {
  SpoolRig rig(1'500'000, 4'000'000);
  rig.tell(ipc::SpoolWanted{rig.fetch.fetch_id});
  CHECK(rig.sent<ipc::FetchProgress>().empty());
  Peer& l2 = rig.stream(1);
  rig.grant_reservation(ipc::SpoolPlace::kSpoolDir);
  rig.disk.run(rig);
  const auto begun = rig.only<ipc::FetchProgress>();
  CHECK(begun.state == ipc::JoinState::kGoing);
  CHECK(begun.bytes == rig.car.section_ends[0]);
  REQUIRE(rig.disk.files.contains(begun.path));
  rig.lose(rig.first);  // Other workers read along.
  rig.finish(l2, 1);
  rig.disk.run(rig);
  const auto ended = rig.sent<ipc::FetchProgress>();
  REQUIRE(!ended.empty());
  CHECK(ended.back().state == ipc::JoinState::kWhole);
  CHECK(ended.back().bytes == rig.car.bytes.size());
  CHECK(rig.disk.files.at(begun.path)->at(0, SIZE_MAX) == rig.body());
  rig.pass_time(limits::kSpoolLingerMs);
  rig.disk.run(rig);
  CHECK(rig.worker.stats().fetches == 0);
  CHECK(rig.disk.files.empty());
  CHECK(rig.sent<ipc::SpoolGone>().size() == 1);
}

TEST_CASE("a small answer in memory is written out for another worker", "[spool][join]") {
  SpoolRig rig(4'000, 1'000'000);
  rig.admission = ipc::Admission::kYes;
  rig.stream_all();
  rig.tell(ipc::SpoolWanted{rig.fetch.fetch_id});
  rig.grant_reservation();
  rig.disk.run(rig);
  CHECK(rig.sent<ipc::FetchProgress>().back().state == ipc::JoinState::kWhole);
}

TEST_CASE("a leader that cannot be read along says so", "[spool][join]") {
  SpoolRig rig;
  SECTION("it is not there") {
    rig.tell(ipc::SpoolWanted{4'711});
  }
  SECTION("its beginning is gone") {
    rig.stream(2);
    rig.tell(ipc::SpoolWanted{rig.fetch.fetch_id});
  }
  SECTION("there is no reservation") {
    rig.tell(ipc::SpoolWanted{rig.fetch.fetch_id});
    rig.stream(1);
    rig.tell(ipc::SpoolReserved{.spool = rig.only<ipc::SpoolReserve>().spool, .bytes = 0});
  }
  SECTION("it fails") {
    rig.tell(ipc::SpoolWanted{rig.fetch.fetch_id});
    rig.lose(rig.stream(1));
    rig.tell(ipc::FetchFailed{.fetch_id = rig.fetch.fetch_id});
  }
  CHECK(rig.only<ipc::FetchProgress>().state == ipc::JoinState::kFailed);
}

TEST_CASE("a follower reads the leader's spool as far as it goes", "[spool][join]") {
  SpoolRig rig;
  const std::string path = "/cache/tmp/1-1-1";
  rig.disk.files[path] = std::make_shared<MemoryFile>(rig.body());
  rig.join(ipc::JoinState::kGoing, 4'200, path);
  CHECK(rig.first.received.empty());
  rig.disk.run(rig);
  CHECK_THAT(rig.first.received, Contains("X-Cache: FETCHING"));
  CHECK_THAT(rig.first.received, !Contains("bb"));
  rig.disk.files.clear();  // The file is open already.
  Peer& second = rig.ask();
  rig.join(ipc::JoinState::kGoing, 6'000, path);
  rig.join(ipc::JoinState::kWhole, rig.car.bytes.size(), path);
  CHECK(dechunked(rig.first.received) == rig.body());
  CHECK(dechunked(second.received) == rig.body());
  CHECK(rig.worker.stats().fetches == 0);
  CHECK(rig.sent<ipc::CancelFetch>().empty());
}

TEST_CASE("after the leader's failure readers go on from where they are", "[spool][join]") {
  SpoolRig rig;
  const std::string path = "/shm/1-1-1";
  rig.disk.files[path] = std::make_shared<MemoryFile>(rig.body());
  rig.first.space = 3'000;
  rig.join(ipc::JoinState::kGoing, 5'000, path);
  rig.disk.run(rig);
  rig.join(ipc::JoinState::kFailed, 0, "");
  Peer& l2 = rig.stream(1);
  Peer& late = rig.ask();
  rig.give_space(rig.first, SIZE_MAX);
  rig.finish(l2, 1);
  CHECK(dechunked(rig.first.received) == rig.body());
  CHECK(dechunked(late.received) == rig.body());
  CHECK(rig.worker.stats().fetches == 0);
}

TEST_CASE("a follower that is failed without an L2 cuts what has begun", "[spool][join]") {
  SpoolRig rig;
  begin_reading_along(rig);
  rig.join(ipc::JoinState::kFailed, 0, "");
  rig.tell(ipc::FetchFailed{.fetch_id = rig.fetch.fetch_id, .attempts = 1});
  CHECK(rig.first.ending == Ending::kClose);
  CHECK_THAT(rig.first.received, !Contains("\r\n0\r\n\r\n"));
}

TEST_CASE("a follower that finds no file asks anew under another number", "[spool][join]") {
  SpoolRig rig;
  SECTION("of a spool") {
    rig.join(ipc::JoinState::kGoing, 5'000, "/shm/1-1-1");
    rig.disk.run(rig);
    CHECK(rig.only<ipc::CancelFetch>().fetch_id == rig.fetch.fetch_id);
  }
  SECTION("outside the folders") {
    rig.join(ipc::JoinState::kGoing, 5'000, "/etc/passwd");
    CHECK(!rig.disk.take(rig));
  }
  SECTION("outside the folders by a detour") {
    rig.join(ipc::JoinState::kGoing, 5'000, "/shm/../etc/passwd");
    CHECK(!rig.disk.take(rig));
  }
  SECTION("in the cache") {
    rig.join(ipc::JoinState::kCached, 0, "");
  }
  const auto anew = rig.only<ipc::Fetch>();
  CHECK(anew.fetch_id != rig.fetch.fetch_id);
  CHECK(anew.must_not_join);
  // The number is an old question's, so the message means nothing.
  rig.join(ipc::JoinState::kWhole, 5'000, "/shm/late");
  CHECK(!rig.disk.take(rig));
  rig.hand_off(anew, post_with_length(rig.car.bytes));
  CHECK(dechunked(rig.first.received) == rig.body());
  CHECK(rig.worker.stats().fetches == 0);
}

TEST_CASE("a follower asks the next broker when its own has gone", "[spool][join]") {
  SpoolRig rig;
  begin_reading_along(rig);
  rig.stop_broker();
  rig.welcome();
  rig.hand_off(rig.only<ipc::Fetch>(), post_with_length(rig.car.bytes));
  CHECK(dechunked(rig.first.received) == rig.body());
}

TEST_CASE("a follower in mid-answer asks a broker again that knows no L2 yet", "[spool][join]") {
  SpoolRig rig;
  begin_reading_along(rig);
  rig.stop_broker();
  rig.welcome();
  const auto asked = rig.only<ipc::Fetch>();
  rig.tell(ipc::FetchFailed{.fetch_id = asked.fetch_id, .reason = Outcome::kNoL2});
  CHECK(rig.sent<ipc::Fetch>().empty());
  rig.pass_time(limits::kAskAgainMs);
  rig.hand_off(rig.only<ipc::Fetch>(), post_with_length(rig.car.bytes));
  CHECK(dechunked(rig.first.received) == rig.body());
}

TEST_CASE("a follower in mid-answer waits for each next leader as long as for the first",
          "[spool][join]") {
  const Settings settings;
  SpoolRig rig;
  begin_reading_along(rig);
  for (int leaders = 0; leaders < 4; ++leaders) {
    rig.join(ipc::JoinState::kFailed, 0, "");
    rig.pass_time(settings.request_ms - 1);
    CHECK(rig.first.ending == Ending::kOpen);
  }
  rig.pass_time(limits::kDeadlineGraceMs + 1);
  CHECK(rig.first.ending == Ending::kClose);
}

TEST_CASE("a follower without output has one deadline, however many leaders fail",
          "[spool][join]") {
  const Settings settings;
  SpoolRig rig;
  rig.join(ipc::JoinState::kFailed, 0, "");
  rig.pass_time(settings.request_ms - 1);
  rig.join(ipc::JoinState::kFailed, 0, "");
  rig.pass_time(limits::kDeadlineGraceMs + 1);
  CHECK(status_line(rig.first.received) == "HTTP/1.1 504 Gateway Timeout");
}

TEST_CASE("a follower in mid-answer whose broker never comes back is cut at its deadline",
          "[spool][join]") {
  const Settings settings;
  SpoolRig rig;
  begin_reading_along(rig);
  rig.pass_time(settings.request_ms / 3);
  rig.stop_broker();
  rig.pass_time(settings.broker_wait_ms);
  rig.pass_time(settings.request_ms * 5 / 6);  // The deadline of before the join has passed.
  CHECK(rig.first.ending == Ending::kOpen);
  rig.pass_time(settings.request_ms);
  CHECK(rig.first.ending == Ending::kClose);
  CHECK_THAT(rig.first.received, !Contains("\r\n0\r\n\r\n"));
}

}  // namespace daphnis::worker::test
