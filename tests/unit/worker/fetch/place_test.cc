// Tests of followers that must lead: how far their output has come is found in the leader's spool.

#include <algorithm>
#include <cerrno>

#include "tests/unit/worker/fetch/spool_rig.h"

namespace daphnis::worker::test {
namespace {

using ipc::JoinState;

/// A client that reads along in the spool of a leader, which is lost.
struct Heir : SpoolRig {
  explicit Heir(size_t leaf_bytes = 100) : SpoolRig(leaf_bytes, 1'000'000) {
    worker.set_cache_reads(cache);
  }
  /// The leader's file has `bytes` bytes of this output.
  void read_along(std::string_view output, size_t bytes) {
    disk.files[kPath] = std::make_shared<MemoryFile>(std::string(output.substr(0, bytes)));
    join(JoinState::kGoing, bytes, kPath);
    disk.run(*this);
  }
  void read_along(size_t bytes) { read_along(body(), bytes); }
  void lose_leader() {
    join(JoinState::kFailed, 0, "");
    join(JoinState::kLead, 0, "");
  }
  [[nodiscard]] MemoryFile& file() { return *disk.files.at(kPath); }
  /// A whole POST of an L2 that leaves out the first `skip` sections.
  [[nodiscard]] std::string post_after(size_t skip) const {
    const size_t header = 1 + car.bytes[0];
    const std::string rest =
        body().substr(0, header) +
        (skip < car.section_ends.size() ? body().substr(car.section_ends[skip - 1]) : "");
    return post_head("Daphnis-Skip: " + std::to_string(skip) +
                     "\r\nContent-Length: " + std::to_string(rest.size()) + "\r\n") +
           rest;
  }

  static constexpr const char* kPath = "/shm/1-1-1";
  MemoryCache cache;
};

}  // namespace

TEST_CASE("a follower that must lead asks for what it lacks, wherever its file ends",
          "[worker][place]") {
  const size_t size = SampleCar(100).bytes.size();
  const size_t first = SampleCar(100).section_ends[0];
  Heir rig;
  CHECK(rig.fetch.finds_place);
  CHECK_FALSE(rig.fetch.has_output);
  const size_t bytes = GENERATE_COPY(range(first, size));
  rig.read_along(bytes);
  rig.lose_leader();
  const auto anew = rig.only<ipc::Fetch>();
  CHECK(anew.fetch_id != rig.fetch.fetch_id);
  CHECK(anew.must_not_join);
  CHECK_FALSE(anew.has_output);
  const auto whole = static_cast<size_t>(
      std::ranges::count_if(rig.car.section_ends, [bytes](size_t end) { return end <= bytes; }));
  CHECK(anew.resume.skip == whole);
  CHECK(Cid::from_bytes(anew.resume.next).has_value());
  Peer& late = rig.ask();
  SECTION("which an L2 sends") {
    rig.hand_off(anew, rig.post_after(whole));
  }
  SECTION("or all of it, by an L2 that knows no better") {
    rig.hand_off(anew, post_with_length(rig.car.bytes),
                 GENERATE(StreamShape::kExact, StreamShape::kWholeDag));
  }
  CHECK(dechunked(rig.first.received) == rig.body());
  CHECK(dechunked(late.received) == rig.body());
  CHECK(rig.only<ipc::AttemptEnded>().outcome == Outcome::kComplete);
  CHECK(rig.sent<ipc::CancelFetch>().empty());
  CHECK(rig.worker.stats().fetches == 0);
}

TEST_CASE("a source that ends behind a found place is carried on from", "[worker][place]") {
  Heir rig;
  rig.read_along(rig.car.section_ends[0] + 10);
  rig.lose_leader();
  const auto anew = rig.only<ipc::Fetch>();
  SECTION("with something new") {
    const std::string post = rig.post_after(1);
    Peer& l2 = rig.hand_off(anew, std::string_view(post).substr(0, post.size() - 50));
    rig.lose(l2);
    CHECK(rig.only<ipc::AttemptEnded>().resume.skip == 2);
    rig.hand_off(anew, rig.post_after(2));
  }
  SECTION("with nothing new") {
    rig.lose(rig.hand_off(anew, post_head("Content-Length: 5000\r\n") +
                                    rig.body().substr(0, rig.car.section_ends[0])));
    CHECK(rig.only<ipc::AttemptEnded>().resume.skip == 1);
    rig.hand_off(anew, rig.post_after(1));
  }
  CHECK(dechunked(rig.first.received) == rig.body());
}

TEST_CASE("a slow client is given the end of its file and then what an L2 brings",
          "[worker][place]") {
  Heir rig(20'000);
  rig.first.space = 3'000;
  rig.read_along(rig.car.section_ends[1] - 7);
  rig.lose_leader();
  rig.hand_off(rig.only<ipc::Fetch>(), rig.post_after(1));
  rig.give_space(rig.first, SIZE_MAX);
  CHECK(dechunked(rig.first.received) == rig.body());
}

TEST_CASE("a file that turns out to hold all needs no L2", "[worker][place]") {
  Heir rig;
  rig.read_along(rig.car.bytes.size());
  rig.lose_leader();
  CHECK(dechunked(rig.first.received) == rig.body());
  CHECK(rig.sent<ipc::Fetch>().empty());
  CHECK(rig.only<ipc::CancelFetch>().fetch_id == rig.fetch.fetch_id);
  CHECK(rig.worker.stats().fetches == 0);
}

TEST_CASE("a long file is read and proven a piece at a time", "[worker][place]") {
  Heir rig(1'500'000);
  rig.read_along(rig.car.bytes.size() - 1);
  rig.lose_leader();
  rig.pass_time(1);
  CHECK(rig.sent<ipc::Fetch>().empty());
  rig.pass_time(1);
  const auto anew = rig.only<ipc::Fetch>();
  CHECK(anew.resume.skip == 2);
  CHECK(anew.deadline_ms == Settings().request_ms);
  rig.hand_off(anew, rig.post_after(2));
  CHECK(dechunked(rig.first.received) == rig.body());
}

TEST_CASE("a fetch whose place cannot be found gets all of it anew", "[worker][place]") {
  Heir rig;
  rig.read_along(rig.car.section_ends[1]);
  SECTION("since the file cannot be read") {
    rig.file().break_with(EIO);
    rig.lose_leader();
  }
  SECTION("since the file is shorter than it was") {
    rig.file().cut_to(10);
    rig.lose_leader();
  }
  SECTION("since the file holds something else by now") {
    rig.file().write_at(rig.car.section_ends[0] + 60, "x");
    rig.lose_leader();
  }
  SECTION("since the disk takes too long") {
    rig.cache.is_cold = true;
    rig.lose_leader();
    rig.pass_time(limits::kCacheLookMs - 1);
    CHECK(rig.sent<ipc::Fetch>().empty());
    rig.pass_time(2);
  }
  const auto anew = rig.only<ipc::Fetch>();
  CHECK(anew.must_not_join);
  CHECK(anew.resume == ipc::Resume{});
  CHECK(anew.has_output);
  CHECK_FALSE(anew.finds_place);
  rig.hand_off(anew, post_with_length(rig.car.bytes));
  CHECK(dechunked(rig.first.received) == rig.body());
}

TEST_CASE("a follower that has read nothing leads from the front", "[worker][place]") {
  Heir rig;
  rig.lose_leader();
  const auto anew = rig.only<ipc::Fetch>();
  CHECK(anew.must_not_join);
  CHECK_FALSE(anew.has_output);
  rig.hand_off(anew, post_with_length(rig.car.bytes));
  CHECK(dechunked(rig.first.received) == rig.body());
}

TEST_CASE("a client that leaves while its place is sought leaves nothing behind",
          "[worker][place]") {
  Heir rig;
  rig.cache.is_cold = true;
  rig.read_along(rig.car.section_ends[1]);
  rig.lose_leader();
  rig.lose(rig.first);
  CHECK(rig.only<ipc::CancelFetch>().fetch_id == rig.fetch.fetch_id);
  CHECK(rig.worker.stats().fetches == 0);
  rig.finish_read(rig.cache);
  rig.pass_time(1);
  CHECK(rig.sent<ipc::Fetch>().empty());
}

TEST_CASE("a place is sought though the broker goes meanwhile, and no deadline ends that",
          "[worker][place]") {
  Heir rig;
  rig.cache.is_cold = true;
  rig.read_along(rig.car.section_ends[1]);
  rig.pass_time(10 * Settings().request_ms);
  rig.lose_leader();
  rig.stop_broker();
  SECTION("and comes back before it is found") {
    rig.welcome();
    CHECK(rig.sent<ipc::Fetch>().empty());
    rig.finish_read(rig.cache);
    rig.pass_time(1);
  }
  SECTION("and comes back afterwards") {
    rig.finish_read(rig.cache);
    rig.pass_time(2 * Settings().broker_wait_ms);
    CHECK(rig.sent<ipc::Fetch>().empty());
    rig.welcome();
  }
  const auto anew = rig.only<ipc::Fetch>();
  CHECK(anew.must_not_join);
  CHECK(anew.resume.skip == 2);
  rig.hand_off(anew, rig.post_after(2));
  CHECK(dechunked(rig.first.received) == rig.body());
}

TEST_CASE("a follower with output says so to a new broker, and finds its place if it is to lead",
          "[worker][place]") {
  Heir rig;
  rig.read_along(rig.car.section_ends[1]);
  rig.stop_broker();
  rig.welcome();
  const auto again = rig.only<ipc::Fetch>();
  CHECK_FALSE(again.must_not_join);
  CHECK(again.resume == ipc::Resume{});
  CHECK(again.has_output);
  CHECK(again.finds_place);
  rig.tell(ipc::JoinProgress{again.fetch_id, JoinState::kLead, 0, ""});
  const auto anew = rig.only<ipc::Fetch>();
  CHECK(anew.resume.skip == 2);
  rig.hand_off(anew, rig.post_after(2));
  CHECK(dechunked(rig.first.received) == rig.body());
}

TEST_CASE("a place among the repeats of a dups=y output is found", "[worker][place]") {
  Heir rig;
  rig.lose(rig.first);
  rig.car = SampleCar(100, 3);
  Peer& client = rig.connect();
  rig.send(client, "GET " + rig.car.target() + "&car-dups=y HTTP/1.1\r\nHost: edge\r\n\r\n");
  rig.sent<ipc::CancelFetch>();
  rig.fetch = rig.only<ipc::Fetch>();
  const std::string last = rig.body().substr(rig.car.section_ends[1]);
  const std::string output = rig.body() + last + last + last;
  const size_t repeats = GENERATE(0, 1, 2);
  rig.read_along(output, rig.car.bytes.size() + repeats * last.size() + 5);
  rig.lose_leader();
  const auto anew = rig.only<ipc::Fetch>();
  CHECK(anew.resume.skip == 3 + repeats);
  // The L2 omits repeats of what other sources brought.
  rig.hand_off(anew, rig.post_after(3 + repeats));
  CHECK(dechunked(client.received) == output);
}

TEST_CASE("a place in the output of a path is found", "[worker][place]") {
  Heir rig;
  rig.lose(rig.first);
  Peer& client = rig.connect();
  rig.send(client,
           "GET /ipfs/" + rig.car.root.text() + "/0?format=car HTTP/1.1\r\nHost: edge\r\n\r\n");
  rig.sent<ipc::CancelFetch>();
  rig.fetch = rig.only<ipc::Fetch>();
  const std::string output = rig.body().substr(0, rig.car.section_ends[1]);
  rig.read_along(output, rig.car.section_ends[0] + 5);
  rig.lose_leader();
  const auto anew = rig.only<ipc::Fetch>();
  CHECK(anew.resume.skip == 1);
  rig.hand_off(anew, post_with_length(as_bytes(output)));
  CHECK(dechunked(client.received) == output);
}

TEST_CASE("a raw block is got from its front", "[worker][place]") {
  Heir rig;
  Peer& client = rig.connect();
  rig.send(client,
           "GET /ipfs/" + rig.car.root.text() + "?format=raw HTTP/1.1\r\nHost: edge\r\n\r\n");
  CHECK_FALSE(rig.only<ipc::Fetch>().finds_place);
}

}  // namespace daphnis::worker::test
