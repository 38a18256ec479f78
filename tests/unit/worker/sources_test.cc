// Tests of what is told of the L2s whose bytes an answer is made of: to the broker, attempt by
// attempt, and in the access line.

#include "tests/unit/worker/half_rig.h"
#include "worker/fetch/used_sources.h"

namespace daphnis::worker::test {
namespace {

using Catch::Matchers::Contains;

}  // namespace

TEST_CASE("an attempt's used bytes are those that it brought first", "[worker][sources]") {
  Half rig;
  const size_t first = rig.car.section_ends[1];
  rig.lose(rig.begin(first + 10));
  const auto cut = rig.only<ipc::AttemptEnded>();
  CHECK(cut.used_bytes == first);
  CHECK(cut.body_bytes == first + 10);
  SECTION("not those that came before") {
    rig.hand_off(rig.fetch, post_with_length(rig.car.bytes));
    const auto whole = rig.only<ipc::AttemptEnded>();
    CHECK(whole.body_bytes == rig.car.bytes.size());
    CHECK(whole.used_bytes == rig.car.bytes.size() - first);
    CHECK(dechunked(rig.client.received) == text(rig.car.bytes));
  }
  SECTION("none where it brings nothing new") {
    rig.lose(rig.begin(first));
    CHECK(rig.only<ipc::AttemptEnded>().used_bytes == 0);
  }
}

TEST_CASE("no bytes of an attempt are used where the output begins anew", "[worker][sources]") {
  Half rig;
  ByteVector lie(rig.car.bytes);
  lie.back() ^= 1;
  rig.hand_off(rig.fetch, post_with_length(lie));
  CHECK(rig.client.received.empty());
  CHECK(rig.only<ipc::AttemptEnded>().used_bytes == 0);
  rig.hand_off(rig.fetch, post_with_length(rig.car.bytes));
  CHECK(rig.only<ipc::AttemptEnded>().used_bytes == rig.car.bytes.size());
  CHECK_THAT(rig.lines.at(0), Contains(" l2=l2-2 attempts=2 "));
}

TEST_CASE("an access line names all L2s whose bytes were used", "[worker][sources]") {
  Half rig;
  rig.lose(rig.begin(rig.car.section_ends[0]));
  rig.lose(rig.begin(rig.car.section_ends[0]));  // Nothing of this one is used.
  SECTION("in the sequence of their bytes, where there was more than one") {
    rig.lose(rig.begin(rig.car.section_ends[1]));
    rig.hand_off(rig.fetch, post_with_length(rig.car.bytes));
    CHECK_THAT(rig.lines.at(0), Contains(" l2=l2-4 l2s=l2-1,l2-3,l2-4 attempts=4 "));
  }
  SECTION("and the last that brought any, where the answer is cut") {
    rig.tell(ipc::FetchFailed{.fetch_id = rig.fetch.fetch_id, .reason = Outcome::kL2sFailed});
    CHECK_THAT(rig.lines.at(0), Contains(" l2=l2-1 attempts=2 "));
  }
}

TEST_CASE("the L2s that an access line names are bounded", "[worker][sources]") {
  UsedSources used;
  CHECK(used.names().empty());
  used.add("a");
  used.add("a");
  CHECK(used.names().empty());
  used.add("b");
  used.add("a");
  CHECK(used.names() == "a,b,a");
  used.clear();
  std::string names = "l2-0";
  used.add(names);
  for (size_t n = 1; n < kSourcesNamedMax; ++n) {
    const std::string id = "l2-" + std::to_string(n);
    used.add(id);
    names += "," + id;
  }
  CHECK(used.names() == names);
  used.add("one-more");
  used.add("another");
  CHECK(used.names() == names + ",…");
  CHECK(used.last() == "another");
  SECTION("also in bytes, so that a log line cuts none of them") {
    used.clear();
    for (char c = 'a'; c < 'a' + 12; ++c) used.add(std::string(64, c));
    CHECK(used.names().size() <= LogLine::kValueBytesMax);
    CHECK(used.names().ends_with(std::string(64, 'g') + ",…"));
  }
}

}  // namespace daphnis::worker::test
