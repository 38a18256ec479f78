#include "common/request/outcome.h"

#include <catch2/catch.hpp>
#include <set>
#include <vector>

#include "common/http/http_writer.h"

namespace daphnis {
namespace {

std::vector<OutcomeRow> all_rows() {
  std::vector<OutcomeRow> rows;
  for (size_t i = 0; i < kOutcomes; ++i) rows.push_back(row_of(static_cast<Outcome>(i)));
  return rows;
}

}  // namespace

TEST_CASE("each outcome has a row with a name", "[outcome]") {
  for (size_t i = 0; i < kOutcomes; ++i) {
    const auto outcome = static_cast<Outcome>(i);
    CAPTURE(i);
    CHECK(row_of(outcome).outcome == outcome);
    CHECK_FALSE(name_of(outcome).empty());
  }
}

TEST_CASE("two outcomes have one name only where an L2's connection and an answer are cut",
          "[outcome]") {
  std::multiset<std::string_view> names;
  for (const OutcomeRow& row : all_rows()) names.insert(row.name);
  for (const std::string_view name : names) {
    CAPTURE(name);
    CHECK(names.count(name) == (name == "aborted" ? 2 : 1));
  }
}

TEST_CASE("each refusal of a client has a truthful status and its own code", "[outcome]") {
  std::set<std::string_view> codes;
  for (const OutcomeRow& row : all_rows()) {
    CAPTURE(row.name);
    const ClientRefusal& client = row.client;
    const bool is_told = client.status != 0;
    CHECK(client.code.empty() != is_told);
    CHECK(client.detail.empty() != is_told);
    const bool asks_to_retry = client.status == 429 || client.status == 502 ||
                               client.status == 503 || client.status == 504;
    CHECK((client.retry_after_s > 0) == asks_to_retry);
    if (!is_told) continue;
    CHECK(client.status >= 400);
    CHECK(http::reason_phrase(client.status) != "Unknown");
    CHECK(codes.insert(client.code).second);
  }
  CHECK(codes.size() == 21);
}

TEST_CASE("a connection ends with the requests after which its bytes mean nothing, or the process",
          "[outcome]") {
  std::set<Outcome> last;
  for (const OutcomeRow& row : all_rows()) {
    if (row.client.is_last) last.insert(row.outcome);
  }
  CHECK(last == std::set{Outcome::kDraining, Outcome::kHeadTimeout, Outcome::kBodyTooLarge});
}

TEST_CASE("clients are told by their statuses whose fault it is", "[outcome]") {
  const auto status = [](Outcome outcome) { return row_of(outcome).client.status; };
  CHECK(status(Outcome::kNotFound) == 404);
  CHECK(status(Outcome::kPathNotALink) == 501);
  CHECK(status(Outcome::kNotCached) == 412);
  CHECK(status(Outcome::kTooMany) == 429);
  CHECK(status(Outcome::kLied) == 502);
  CHECK(status(Outcome::kL2sFailed) == 502);
  CHECK(status(Outcome::kSilent) == 504);
  CHECK(status(Outcome::kNoL2) == 503);
  CHECK(status(Outcome::kOverloaded) == 503);
  CHECK(status(Outcome::kDraining) == 503);
  CHECK(status(Outcome::kCutOff) == 0);
}

TEST_CASE("L2s are told by their statuses how their streams ended", "[outcome]") {
  const auto status = [](Outcome outcome) { return row_of(outcome).l2_status; };
  CHECK(status(Outcome::kComplete) == 200);
  CHECK(status(Outcome::kNotFound) == 200);
  CHECK(status(Outcome::kStalled) == 408);
  CHECK(status(Outcome::kCancelled) == 410);
  CHECK(status(Outcome::kHandOffLost) == 410);
  CHECK(status(Outcome::kLied) == 422);
  CHECK(status(Outcome::kAborted) == 422);
  CHECK(status(Outcome::kSilent) == 0);
}

}  // namespace daphnis
