// Tests of what a fetch writes to its spool, and of the file's fate.

#include "tests/unit/worker/fetch/spool_rig.h"

namespace daphnis::worker::test {
namespace {

using Catch::Matchers::StartsWith;

/// The trailer of a whole cached file.
CacheTrailer trailer_of(const MemoryFile& file, uint64_t body_bytes) {
  const std::string_view end = file.at(file.size() - kCacheFooterBytes, kCacheFooterBytes);
  const auto footer = read_cache_footer(as_bytes(end), file.size());
  REQUIRE(footer);
  REQUIRE(footer->body_bytes == body_bytes);
  const auto trailer = read_cache_trailer(as_bytes(file.at(body_bytes, SIZE_MAX)), *footer);
  REQUIRE(trailer);
  return *trailer;
}

}  // namespace

TEST_CASE("an admitted answer is written with its trailer and handed to the broker", "[spool]") {
  SpoolRig rig(4'000, 1'000'000);
  rig.admission = GENERATE(ipc::Admission::kYes, ipc::Admission::kIfSmall);
  rig.stream_all();
  CHECK(dechunked(rig.first.received) == rig.body());
  const auto reserve = rig.grant_reservation();
  CHECK(reserve.is_for_cache);
  CHECK(!rig.worker.is_empty());
  rig.disk.run(rig);
  const auto done = rig.only<ipc::SpoolDone>();
  CHECK(done.spool == reserve.spool);
  CHECK(done.key == rig.fetch.key);
  CHECK(done.size == reserve.bytes);
  CHECK_THAT(done.name, StartsWith("3-4711-"));
  CHECK(rig.disk.syncs == 1);

  const MemoryFile& file = *rig.disk.files.at("/cache/tmp/" + done.name);
  CHECK(file.size() == done.size);
  CHECK(file.at(0, rig.car.bytes.size()) == rig.body());
  const CacheTrailer trailer = trailer_of(file, rig.car.bytes.size());
  CHECK(trailer.request == rig.fetch.request);
  REQUIRE(trailer.blocks.size() == 3);
  CHECK(trailer.blocks[0].cid == rig.car.root);
  CHECK(trailer.blocks[2].size == 4'000);
  CHECK(file.at(trailer.blocks[2].offset, 4'000) == std::string(4'000, 'b'));

  CHECK(rig.worker.stats().fetches == 1);
  rig.tell(ipc::SpoolStored{done.spool, true});
  CHECK(rig.worker.stats().fetches == 0);
  CHECK(rig.sent<ipc::SpoolGone>().empty());
  rig.lose(rig.first);
  CHECK(rig.worker.is_empty());
}

TEST_CASE("an answer that is whole before space is reserved is one job for the disk", "[spool]") {
  SpoolRig rig(4'000, 1'000'000);
  rig.admission = ipc::Admission::kYes;
  rig.stream_all();
  rig.grant_reservation();
  REQUIRE(rig.disk.take(rig));
  REQUIRE(rig.disk.waiting.size() == 1);
  rig.disk.do_one(rig);
  REQUIRE(rig.disk.take(rig));
  REQUIRE(rig.disk.waiting.size() == 1);
  CHECK(rig.disk.waiting[0].kind == FileJob::Kind::kSync);
  rig.disk.do_one(rig);
  CHECK(rig.sent<ipc::SpoolDone>().size() == 1);
}

TEST_CASE("what is written while more is to come ends where a piece does", "[spool]") {
  SpoolRig rig(1'500'000, 4'000'000);
  rig.admission = ipc::Admission::kYes;
  Peer& l2 = rig.stream(2);
  rig.grant_reservation();
  REQUIRE(rig.disk.take(rig));
  REQUIRE(rig.disk.waiting.size() == 1);
  CHECK(total_size(rig.disk.waiting[0].data) == 5 * limits::kSpoolPieceBytesMin);
  rig.disk.run(rig);
  rig.finish(l2, 2);
  rig.disk.run(rig);
  const auto done = rig.only<ipc::SpoolDone>();
  CHECK(rig.disk.files.at("/cache/tmp/" + done.name)->at(0, rig.car.bytes.size()) == rig.body());
}

TEST_CASE("a disk that fills up in the midst of an answer keeps nothing of it", "[spool]") {
  SpoolRig rig(1'500'000, 4'000'000);
  rig.admission = ipc::Admission::kYes;
  Peer& l2 = rig.stream(2);
  const auto reserve = rig.grant_reservation();
  rig.disk.run(rig);
  REQUIRE(rig.disk.files.size() == 1);
  rig.disk.write_error = ENOSPC;
  rig.finish(l2, 2);
  rig.disk.run(rig);
  CHECK(rig.disk.files.empty());
  CHECK(rig.sent<ipc::SpoolDone>().empty());
  const auto gone = rig.only<ipc::SpoolGone>();
  CHECK(gone.spool == reserve.spool);
  CHECK(gone.error == ENOSPC);
  CHECK(dechunked(rig.first.received) == rig.body());
}

TEST_CASE("an answer that is not admitted is not written", "[spool]") {
  SpoolRig rig(4'000, 1'000'000);
  rig.stream_all();
  CHECK(rig.sent<ipc::SpoolReserve>().empty());
  CHECK(rig.worker.stats().fetches == 0);
}

TEST_CASE("those who come while an answer is being stored are answered from it", "[spool]") {
  SpoolRig rig(4'000, 1'000'000);
  rig.admission = ipc::Admission::kYes;
  rig.stream_all();
  SECTION("from memory before space is reserved") {
    CHECK(dechunked(rig.ask().received) == rig.body());
  }
  SECTION("from the file") {
    rig.grant_reservation();
    rig.disk.run(rig);
    CHECK(dechunked(rig.ask().received) == rig.body());
  }
  CHECK(rig.sent<ipc::Fetch>().empty());
}

TEST_CASE("trouble with the spool harms no client", "[spool]") {
  SpoolRig rig(4'000, 1'000'000);
  rig.admission = ipc::Admission::kYes;
  Peer& slow = rig.ask();
  slow.space = 1'500;
  const auto give_up = [&](const ipc::SpoolReserve& reserve) {
    rig.disk.run(rig);
    CHECK(rig.only<ipc::SpoolGone>().spool == reserve.spool);
    CHECK(rig.sent<ipc::SpoolDone>().empty());
    CHECK(rig.disk.files.empty());
  };
  rig.stream_all();
  const auto reserve = rig.only<ipc::SpoolReserve>();
  SECTION("no reservation") {
    rig.tell(ipc::SpoolReserved{.spool = reserve.spool, .bytes = 0});
    rig.give_space(slow, SIZE_MAX);
    give_up(reserve);
  }
  SECTION("no answer") {
    rig.pass_time(limits::kSpoolReservationMs);
    rig.give_space(slow, SIZE_MAX);
    give_up(reserve);
  }
  SECTION("no file") {
    rig.disk.create_error = EROFS;
    rig.tell(ipc::SpoolReserved{reserve.spool, reserve.bytes, ipc::SpoolPlace::kCache});
    rig.give_space(slow, SIZE_MAX);
    give_up(reserve);
  }
  SECTION("no space") {
    rig.disk.write_error = ENOSPC;
    rig.tell(ipc::SpoolReserved{reserve.spool, reserve.bytes, ipc::SpoolPlace::kCache});
    rig.disk.run(rig);
    rig.give_space(slow, SIZE_MAX);
    give_up(reserve);
  }
  CHECK(dechunked(slow.received) == rig.body());
  CHECK(dechunked(rig.first.received) == rig.body());
  CHECK(rig.worker.stats().fetches == 0);
}

TEST_CASE("what is admitted is finished although its clients have left", "[spool]") {
  SpoolRig rig(1'500'000, 4'000'000);
  rig.admission = ipc::Admission::kYes;
  Peer& l2 = rig.stream(2);
  const auto reserve = rig.grant_reservation();
  CHECK(reserve.bytes == limits::kSpoolStepBytes);
  rig.disk.run(rig);
  rig.lose(rig.first);
  CHECK(rig.sent<ipc::CancelFetch>().empty());
  rig.finish(l2, 2);
  rig.disk.run(rig);
  rig.tell(ipc::SpoolStored{rig.only<ipc::SpoolDone>().spool, true});
  CHECK(rig.worker.stats().fetches == 0);
}

TEST_CASE("a slow client is fed from a spool and the L2 goes at its own speed", "[spool]") {
  SpoolRig rig;
  rig.first.space = 0;
  Peer& fast = rig.ask();
  Peer& l2 = rig.stream_slowly();
  CHECK(!l2.connection->wants_input());
  const auto reserve = rig.grant_reservation(ipc::SpoolPlace::kSpoolDir);
  CHECK(!reserve.is_for_cache);
  rig.disk.run(rig);
  CHECK(l2.connection->wants_input());
  rig.finish(l2, 2);
  CHECK(l2.ending == Ending::kGiveBack);
  rig.disk.run(rig);
  CHECK(dechunked(fast.received) == rig.body());
  REQUIRE(rig.disk.files.size() == 1);
  CHECK_THAT(rig.disk.files.begin()->first, StartsWith("/shm/"));
  Peer& late = rig.ask();
  CHECK(dechunked(late.received) == rig.body());
  rig.give_space(rig.first, SIZE_MAX);
  CHECK(dechunked(rig.first.received) == rig.body());
  CHECK(rig.worker.stats().fetches == 0);
  rig.disk.run(rig);
  CHECK(rig.disk.files.empty());
  CHECK(rig.only<ipc::SpoolGone>().spool == reserve.spool);
}

TEST_CASE("a spool's reservation is free only when the last reader has closed it", "[spool]") {
  SpoolRig rig;
  rig.first.space = 0;
  Peer& l2 = rig.stream_slowly();
  rig.grant_reservation();
  rig.disk.run(rig);
  rig.finish(l2, 2);
  rig.disk.run(rig);
  rig.give_space(rig.first, 6'000);  // All the rest is in its queue, as a part of the file.
  rig.disk.run(rig);
  CHECK(rig.disk.files.empty());
  CHECK(rig.sent<ipc::SpoolGone>().empty());
  rig.give_space(rig.first, SIZE_MAX);
  CHECK(dechunked(rig.first.received) == rig.body());
  CHECK(rig.sent<ipc::SpoolGone>().size() == 1);
}

TEST_CASE("a file that was not needed takes space until the last reader has closed it", "[spool]") {
  SpoolRig rig;
  rig.admission = ipc::Admission::kYes;
  rig.first.space = 0;
  Peer& l2 = rig.stream_slowly();
  rig.grant_reservation();
  rig.disk.run(rig);
  rig.finish(l2, 2);
  rig.disk.run(rig);
  rig.give_space(rig.first, 6'000);
  const auto done = rig.only<ipc::SpoolDone>();
  rig.tell(ipc::SpoolStored{done.spool, true});
  rig.tell(ipc::Unlink{.deferred_free = 5, .keys = {}, .paths = {"/cache/tmp/" + done.name}});
  CHECK(rig.sent<ipc::Unlinked>().empty());
  rig.give_space(rig.first, SIZE_MAX);
  CHECK(dechunked(rig.first.received) == rig.body());
  rig.pass_time(limits::kUnlinkedEveryMs);
  CHECK(rig.only<ipc::Unlinked>().deferred_free == 5);
}

TEST_CASE("a new broker is told of the spools that are open", "[spool]") {
  SpoolRig rig(4'000, 1'000'000);
  rig.admission = ipc::Admission::kYes;
  rig.stream_all();
  const auto reserve = rig.only<ipc::SpoolReserve>();
  SECTION("one without a reservation asks again") {
    rig.stop_broker();
    rig.welcome();
    CHECK(rig.sent<ipc::SpoolHeld>().empty());
    CHECK(rig.only<ipc::SpoolReserve>().spool == reserve.spool);
  }
  SECTION("one that is whole is handed over again") {
    rig.tell(ipc::SpoolReserved{reserve.spool, reserve.bytes, ipc::SpoolPlace::kCache});
    rig.disk.run(rig);
    const auto done = rig.only<ipc::SpoolDone>();
    rig.stop_broker();
    rig.welcome();
    const auto held = rig.only<ipc::SpoolHeld>();
    CHECK(held.bytes == reserve.bytes);
    CHECK(held.name == done.name);
    CHECK(rig.only<ipc::SpoolDone>().spool == done.spool);
    rig.tell(ipc::SpoolStored{done.spool, false});
    CHECK(rig.worker.stats().fetches == 0);
  }
}

}  // namespace daphnis::worker::test
