#include "broker/l2_http/ndjson_line.h"

#include <catch2/catch.hpp>

#include <vector>

#include "tests/unit/broker/cid_number.h"

namespace daphnis::broker {
namespace {

constexpr ConnId kConn{7};
constexpr Uuid kKey{0xAB, 0x01};

/// A line whose connection only notes what the line asks for.
struct Line final : NdjsonLine::Connections {
  explicit Line(NdjsonLine::Framing framing, const Capabilities& capabilities = {})
      : line(out, *this, kConn, framing, capabilities) {}

  void linger(ConnId id, uint64_t now_ms) override {
    CHECK(id == kConn);
    lingers_since_ms = now_ms;
  }
  void close(ConnId id) override {
    CHECK(id == kConn);
    is_closed = true;
  }
  /// What was written since the last call.
  std::string written() {
    std::vector<Command> commands;
    out.drain(commands);
    std::string text;
    for (const Command& command : commands) {
      if (const auto* write = std::get_if<WriteL2>(&command)) text += write->bytes;
      is_tuned |= std::holds_alternative<TuneRegistration>(command);
    }
    return text;
  }

  Outbox out;
  bool is_tuned = false;
  bool is_closed = false;
  uint64_t lingers_since_ms = 0;  ///< 0: it does not.
  NdjsonLine line;
};

}  // namespace

TEST_CASE("an NDJSON line in chunks says head, heartbeats, orders and end",
          "[broker][registration]") {
  Line to(NdjsonLine::Framing::kChunked, kV2Capabilities);
  const size_t begun = to.line.begin(kKey);
  const std::string head = to.written();
  CHECK(head ==
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nCache-Control: no-cache\r\n"
        "X-Accel-Buffering: no\r\nDaphnis-Session: ab010000000000000000000000000000\r\n"
        "Daphnis-Version: 2\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n\n\r\n");
  CHECK(begun == head.size());
  CHECK(to.is_tuned);

  CHECK(to.line.heartbeat() == 6);
  CHECK(to.written() == "1\r\n\n\r\n");

  const CarRequest request{.root = cid_number(1), .path = {"a"}};
  const size_t ordered =
      to.line.order({.attempt_id = kKey, .request = request, .trace_id = "t-1", .left_ms = 1'234});
  const std::string root = request.root.text();
  const std::string line = R"({"requestId":"ab010000-0000-0000-0000-000000000000","root":")" +
                           root + R"(","cid":")" + root +
                           R"(","traceId":"t-1","path":"a","dagScope":"all","dups":"n",)"
                           R"("deadlineMs":1234})"
                           "\n";
  const std::string order = to.written();
  CHECK(order.ends_with("\r\n" + line + "\r\n"));
  CHECK(std::stoul(order, nullptr, 16) == line.size());
  CHECK(ordered == order.size());

  to.line.end("the L1 stops", 99);
  CHECK(to.written() == "0\r\nDaphnis-Reason: the L1 stops\r\n\r\n");
  CHECK(to.lingers_since_ms == 99);
  CHECK_FALSE(to.is_closed);
}

TEST_CASE("an ejection is told to L2s that speak v2 alone", "[broker][registration]") {
  Line to(NdjsonLine::Framing::kClose, kV2Capabilities);
  const Ejection ejection{.reason = EjectionReason::kLied, .for_ms = 60'000};
  const size_t told = to.line.notice(ejection);
  const std::string line = to.written();
  CHECK(line == "{\"notice\":\"ejected\",\"reason\":\"lied\",\"forMs\":60000}\n");
  CHECK(told == line.size());
  Line legacy(NdjsonLine::Framing::kClose, Capabilities{});
  CHECK(legacy.line.notice(ejection) == 0);
  CHECK(legacy.written().empty());
}

TEST_CASE("an order in the middle of an output says what to skip, to L2s that read whole requests",
          "[broker][registration]") {
  const auto capabilities = GENERATE(Capabilities{}, kV2Capabilities);
  Line to(NdjsonLine::Framing::kClose, capabilities);
  (void)to.line.begin(kKey);
  (void)to.written();
  const CarRequest request{.root = cid_number(1)};
  const Cid next = cid_number(2);
  (void)to.line.order({.attempt_id = kKey,
                       .request = request,
                       .trace_id = "t-1",
                       .left_ms = 1'234,
                       .skip = 12,
                       .next = next.bytes()});
  const std::string end = R"("deadlineMs":1234,"skip":"12","next":")" + next.text() + "\"}\n";
  const std::string order = to.written();
  CHECK(order.ends_with(end) == capabilities.reads_whole_requests);
  CHECK((order.find("skip") == std::string::npos) != capabilities.reads_whole_requests);
}

TEST_CASE("an NDJSON line for HTTP 1.0 is bare and ends with its connection",
          "[broker][registration]") {
  Line to(NdjsonLine::Framing::kClose);
  const size_t begun = to.line.begin(kKey);
  const std::string head = to.written();
  CHECK(head.ends_with("\r\nConnection: close\r\n\r\n\n"));
  CHECK(head.find("chunked") == std::string::npos);
  CHECK(begun == head.size());
  CHECK(to.line.heartbeat() == 1);
  CHECK(to.written() == "\n");
  to.line.end("the L1 stops", 99);
  CHECK(to.written().empty());
  CHECK(to.lingers_since_ms == 99);
}

TEST_CASE("an NDJSON line tells of a cancel where its L2 reads that", "[broker][registration]") {
  Line to(NdjsonLine::Framing::kClose, kV2Capabilities);
  const std::string line = R"({"cancel":"ab010000-0000-0000-0000-000000000000"})"
                           "\n";
  CHECK(to.line.cancel(kKey) == line.size());
  CHECK(to.written() == line);
  Line legacy(NdjsonLine::Framing::kClose);
  CHECK(legacy.line.cancel(kKey) == 0);
  CHECK(legacy.written().empty());
}

TEST_CASE("an NDJSON line is cut without a word", "[broker][registration]") {
  const auto framing = GENERATE(NdjsonLine::Framing::kChunked, NdjsonLine::Framing::kClose);
  Line to(framing);
  to.line.cut();
  CHECK(to.written().empty());
  CHECK(to.is_closed);
  CHECK(to.lingers_since_ms == 0);
}

}  // namespace daphnis::broker
