#include "common/base/logfmt.h"

#include <catch2/catch.hpp>

namespace daphnis {

TEST_CASE("plain values stand bare in a log line") {
  CHECK(LogLine("l2_registered").add("l2", "home-7").add("n", 3).text() ==
        "event=l2_registered l2=home-7 n=3");
}

TEST_CASE("nothing a peer wrote can forge a field or a line") {
  CHECK(LogLine("x").add("v", "a b=c\n\"\\").text() == "event=x v=\"a b=c\\x0a\\\"\\\\\"");
  CHECK(LogLine("x").add("v", "").text() == "event=x v=\"\"");
}

TEST_CASE("a long value is cut") {
  CHECK(LogLine("x").add("v", std::string(10'000, 'a')).text().size() == 8 + 2 + 512);
}

TEST_CASE("log levels are read by name") {
  LogLevel level = LogLevel::kInfo;
  CHECK(parse_log_level("debug", level));
  CHECK(level == LogLevel::kDebug);
  CHECK_FALSE(parse_log_level("loud", level));
}

}  // namespace daphnis
