#include <simdjson.h>

#include "broker/admin/admin.h"
#include "broker/admin/stats_line.h"
#include "tests/unit/broker/rig.h"

namespace daphnis::broker {
namespace {

const Cid kRoot = cid_number(42);

http::Head request(const std::string& method, const std::string& target,
                   std::vector<http::Header> headers = {{"Host", "127.0.0.1:9090"}}) {
  http::Head head;
  head.method = method;
  head.target = target;
  head.headers = std::move(headers);
  return head;
}

std::string body_of(const std::string& reply) {
  return reply.substr(reply.find("\r\n\r\n") + 4);
}

}  // namespace

TEST_CASE("quantiles are those of the values to a sixteenth", "[broker][stats]") {
  Histogram values;
  CHECK_FALSE(values.quantile(0.5));
  for (uint64_t n = 1; n <= 1000; ++n) values.record(n);
  CHECK(*values.quantile(0) == 1);
  CHECK(*values.quantile(0.5) >= 500);
  CHECK(*values.quantile(0.5) <= 532);
  CHECK(*values.quantile(0.99) >= 990);
  CHECK(*values.quantile(0.99) <= 1055);
  CHECK(values.sum_ms() == 500'500);
  values.record(uint64_t{1} << 40);
  CHECK(*values.quantile(1) == (uint64_t{1} << 20) - 1);
  CHECK(values.at_most(10) == 10);
}

TEST_CASE("the stats line says for how long each worker has been silent where it may be long",
          "[broker][stats]") {
  Rig rig;
  StatsWriter writer;
  CHECK(writer.line(rig.broker, {}, rig.now_ms).find("workers_silent_ms") == std::string::npos);
  const auto line = [&] {
    return writer.line(rig.broker, {}, rig.now_ms, StatsWriter::Workers::kListed);
  };
  CHECK(line().find(R"("workers_silent_ms":{})") != std::string::npos);
  rig.connect_worker();
  rig.now_ms += 1'234;
  CHECK(line().find(R"("workers_silent_ms":{"77":1234})") != std::string::npos);
}

TEST_CASE("the stats line is one JSON object that counts since the one before", "[broker][stats]") {
  Rig rig;
  const ConnId home = rig.register_l2("home", "?v=2");
  const WorkerId worker = rig.connect_worker();
  rig.fetch(worker, 1, kRoot);
  rig.advance(30);
  rig.post(home, kRoot);
  StatsWriter writer;
  simdjson::dom::parser parser;
  const auto line = [&] {
    const std::string text =
        writer.line(rig.broker, {.time = "2030-01-01T00:00:00.000Z", .rss_bytes = 5}, rig.now_ms);
    CHECK(text.ends_with("}\n"));
    CHECK(text.find('\n') == text.size() - 1);
    CHECK(text.size() < 4096);
    return simdjson::dom::element(parser.parse(text.data(), text.size()));
  };
  auto first = line();
  CHECK(uint64_t(first["fetches"]) == 1);
  CHECK(uint64_t(first["handoffs"]) == 1);
  CHECK(uint64_t(first["attempts_in_flight"]) == 1);
  CHECK(uint64_t(first["l2s"]["registered"]) == 1);
  CHECK(uint64_t(first["l2s"]["busy"]) == 1);
  CHECK(uint64_t(first["first_byte_ms"]["count"]) == 1);
  CHECK(uint64_t(first["first_byte_ms"]["p99"]) >= 30);
  CHECK(uint64_t(first["car_bytes_through_broker"]) == 0);
  CHECK(uint64_t(first["rss_bytes"]) == 5);
  rig.end_attempt(worker, rig.inbox<ipc::Handoff>(worker)[0], Outcome::kComplete);
  auto second = line();
  CHECK(uint64_t(second["fetches"]) == 0);
  CHECK(uint64_t(second["served"]) == 1);
  CHECK(uint64_t(second["answers"]["complete"]) == 1);
  CHECK(uint64_t(second["l2s"]["idle"]) == 1);
  CHECK(second["first_byte_ms"]["p50"].is_null());
}

TEST_CASE("the fields of the stats line have their order", "[broker][stats]") {
  Rig rig;
  StatsWriter writer;
  CHECK(writer.line(rig.broker, {.time = "2030-01-01T00:00:00.000Z"}, rig.now_ms) ==
        R"({"time":"2030-01-01T00:00:00.000Z","uptime_s":0,"interval_ms":0,)"
        R"("l2s":{"registered":0,"v2":0,"legacy":0,"proven":0,"idle":0,"busy":0,"full":0,)"
        R"("suspect":0},)"
        R"("workers":0,"fetches_in_flight":0,"fetches_waiting":0,"attempts_in_flight":0,)"
        R"("fetches":0,"served":0,"cancelled":0,"cached":0,"joined":0,"joiners":0,)"
        R"("failed":{"no_l2":0,"failed":0,"silent":0,"not_found":0,"overloaded":0,"draining":0,)"
        R"("path_not_found":0,"denied":0,"denied_legally":0},)"
        R"("attempts":0,"handoffs":0,)"
        R"("answers":{"complete":0,"not_found":0,"verify_failed":0,"aborted":0,"stalled":0,)"
        R"("cancelled":0,"lost":0,"overtaken":0,"yielded":0,"silent":0,"l2_lost":0,)"
        R"("late":0,"double":0,"unknown":0},)"
        R"("first_byte_ms":{"count":0,"p50":null,"p99":null},)"
        R"("registrations":0,"losses":0,"refused":0,"tokens_refused":0,"holdings":0,)"
        R"("connections":0,)"
        R"("clients":{"connections":0,"requests":0,"2xx":0,"3xx":0,"4xx":0,"5xx":0,"aborted":0,)"
        R"("left":0,"joins":0,"spools":0,"bytes_out":0,"denied":0},)"
        R"("cache":{"up":0,"limit_bytes":0,"used_bytes":0,"reserved_bytes":0,"doomed_bytes":0,)"
        R"("entries":0,"spools":0,"spool_dir_bytes":0,"hits":0,"stores":0,"evictions":0,)"
        R"("purged":0,"expired":0,"faults":0,"quarantined":0,"refused":0},)"
        R"("car_bytes_through_broker":0,"drained_bytes":0,"rss_bytes":0,"descriptors":0,)"
        R"("descriptors_max":0,"loop_lag_ms":0,"cpu_ms":0})"
        "\n");
}

TEST_CASE("the stats line has the total of what must stay zero, and else what came since the last",
          "[broker][stats]") {
  Rig rig;
  StatsWriter writer;
  const auto line = [&] { return writer.line(rig.broker, {}, rig.now_ms); };
  rig.broker.counters().car_bytes_through_broker = 7;
  rig.broker.counters().drained_bytes = 8;
  CHECK(line().find(R"("car_bytes_through_broker":7,"drained_bytes":8,)") != std::string::npos);
  CHECK(line().find(R"("car_bytes_through_broker":7,"drained_bytes":0,)") != std::string::npos);
}

TEST_CASE("the admin endpoint answers what operators and machines ask", "[broker][admin]") {
  Rig rig;
  rig.register_l2("home", "?v=2");
  rig.tell(rig.connect_worker(), ipc::WorkerStats{.loners = 3, .yields = 4});
  const auto ask = [&](const http::Head& head) {
    return admin_reply(head, "", rig.broker, {.time = "now", .rss_bytes = 7}, rig.now_ms).text;
  };
  CHECK(ask(request("GET", "/healthz")).starts_with("HTTP/1.1 200 "));
  CHECK(ask(request("GET", "/readyz")).starts_with("HTTP/1.1 200 "));
  CHECK(ask(request("GET", "/nothing")).starts_with("HTTP/1.1 404 "));
  CHECK(ask(request("DELETE", "/l2s")).starts_with("HTTP/1.1 405 "));
  CHECK(body_of(ask(request("HEAD", "/l2s"))).empty());

  simdjson::dom::parser parser;
  simdjson::dom::element l2 = parser.parse(body_of(ask(request("GET", "/l2s?x=1"))));
  CHECK(std::string_view(l2["id"]) == "home");
  CHECK(std::string_view(l2["state"]) == "idle");
  simdjson::dom::element worker = parser.parse(body_of(ask(request("GET", "/workers"))));
  CHECK(uint64_t(worker["pid"]) == 77);
  CHECK(uint64_t(worker["silent_ms"]) == 0);
  CHECK(uint64_t(worker["loners"]) == 3);
  CHECK(uint64_t(worker["yields"]) == 4);

  const std::string metrics = body_of(ask(request("GET", "/metrics")));
  CHECK(metrics.find("daphnis_l2s{state=\"idle\"} 1\n") != std::string::npos);
  CHECK(metrics.find("# TYPE daphnis_first_byte_seconds histogram\n") != std::string::npos);
  CHECK(metrics.find("daphnis_car_bytes_through_broker_total 0\n") != std::string::npos);

  rig.broker.drain(rig.now_ms);
  rig.carry_out();
  CHECK(ask(request("GET", "/readyz")).starts_with("HTTP/1.1 503 "));
}

TEST_CASE("readiness says what is there, and is refused where what is required is not",
          "[broker][admin]") {
  Rig rig;
  simdjson::dom::parser parser;
  const auto ask = [&](const std::string& query) {
    return admin_reply(request("GET", "/readyz" + query), "", rig.broker, {}, rig.now_ms).text;
  };
  const auto status = [&](const std::string& query) { return ask(query).substr(9, 3); };
  const auto count = [&](const char* key) { return uint64_t(parser.parse(body_of(ask("")))[key]); };
  CHECK(status("") == "200");
  CHECK(count("workers") == 0);
  CHECK(count("l2s") == 0);
  for (const char* query : {"?require=worker", "?require=l2", "?require=worker,l2"}) {
    CHECK(status(query) == "503");
    CHECK_FALSE(bool(parser.parse(body_of(ask(query)))["ready"]));
  }
  rig.connect_worker();
  CHECK(status("?require=worker") == "200");
  CHECK(status("?require=worker,l2") == "503");
  CHECK(status("?require=l2,worker") == "503");
  rig.register_l2("home", "?v=2");
  CHECK(status("?require=worker,l2") == "200");
  CHECK(count("workers") == 1);
  CHECK(count("l2s") == 1);
  for (const char* query : {"?require=disk", "?require=worker,disk", "?need=l2"}) {
    CHECK(status(query) == "400");
  }
  rig.broker.drain(rig.now_ms);
  rig.carry_out();
  CHECK(status("") == "503");
  CHECK(bool(parser.parse(body_of(ask("")))["draining"]));
}

TEST_CASE("the admin endpoint is not for web pages", "[broker][admin]") {
  Rig rig;
  const auto status = [&](std::vector<http::Header> headers) {
    return admin_reply(request("GET", "/l2s", std::move(headers)), "", rig.broker, {}, rig.now_ms)
        .text.substr(9, 3);
  };
  CHECK(status({{"Host", "127.0.0.1"}, {"Origin", "http://127.0.0.1"}}) == "403");
  CHECK(status({{"Host", "evil.example:9090"}}) == "403");
  CHECK(status({{"Host", "127.0.0.1.evil.example"}}) == "403");
  CHECK(status({{"Host", ""}}) == "403");
  CHECK(status({{"Host", "[::1]:9090"}}) == "200");
  CHECK(status({{"Host", "10.1.2.3"}}) == "200");
  CHECK(status({{"Host", "LOCALHOST:9090"}}) == "200");
}

TEST_CASE("the log level is set here and at the workers", "[broker][admin]") {
  Rig rig;
  const WorkerId worker = rig.connect_worker();
  const auto post = [&](const std::string& target) {
    return admin_reply(request("POST", target), "", rig.broker, {}, rig.now_ms).text.substr(9, 3);
  };
  CHECK(post("/log-level/debug") == "200");
  rig.carry_out();
  CHECK(rig.broker.log_level() == LogLevel::kDebug);
  CHECK(rig.inbox<ipc::Broadcast>(worker).size() == 1);
  CHECK(post("/log-level/loud") == "400");
}

}  // namespace daphnis::broker
