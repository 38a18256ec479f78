#include "broker/admin/attempt_line.h"

#include <simdjson.h>

#include <catch2/catch.hpp>

#include "tests/unit/broker/cid_number.h"

namespace daphnis::broker {

TEST_CASE("an attempt's line has each of its facts", "[broker][attempts]") {
  const AttemptRecord record{.l2_id = "home-7",
                             .root = cid_number(42),
                             .attempt_id = Uuid{0xab},
                             .trace_id = "trace-1",
                             .worker = 3,
                             .number = 2,
                             .skip = 17,
                             .received_bytes = 1'000,
                             .used_bytes = 600,
                             .first_byte_ms = 25,
                             .duration_ms = 80,
                             .outcome = Outcome::kStalled};
  CHECK(attempt_line(record, "2030-01-01T00:00:00.000Z") ==
        R"({"time":"2030-01-01T00:00:00.000Z","l2":"home-7","root":")" + cid_number(42).text() +
            R"(","requestId":"ab000000-0000-0000-0000-000000000000","traceId":"trace-1",)"
            R"("worker":3,"received_bytes":1000,"used_bytes":600,"first_byte_ms":25,)"
            R"("duration_ms":80,"outcome":"stalled","number":2,"skip":17})"
            "\n");
}

TEST_CASE("what nobody knows of an attempt is null", "[broker][attempts]") {
  const AttemptRecord record{.root = cid_number(1),
                             .received_bytes = std::nullopt,
                             .used_bytes = std::nullopt,
                             .outcome = Outcome::kWorkerGone};
  const std::string line = attempt_line(record, "now");
  for (const std::string key : {"worker", "received_bytes", "used_bytes", "first_byte_ms"}) {
    CHECK(line.find('"' + key + "\":null,") != std::string::npos);
  }
}

TEST_CASE("no text can forge a field or a line of an attempt", "[broker][attempts]") {
  const std::string evil = "x\",\"used_bytes\":9,\"\\\n{}\x7f\xff";
  const AttemptRecord record{.l2_id = evil, .root = cid_number(1), .trace_id = evil};
  const std::string line = attempt_line(record, "now");
  CHECK(line.find('\n') == line.size() - 1);
  simdjson::dom::parser parser;
  simdjson::dom::object parsed;
  REQUIRE(parser.parse(line).get(parsed) == simdjson::SUCCESS);
  CHECK(parsed.size() == 13);
  CHECK(uint64_t(parsed["used_bytes"]) == 0);
  CHECK(std::string_view(parsed["l2"]).starts_with("x\",\"used_bytes\":9,\"\\\n{}\x7f"));
  CHECK(std::string_view(parsed["traceId"]) == std::string_view(parsed["l2"]));
}

}  // namespace daphnis::broker
