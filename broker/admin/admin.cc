#include "broker/admin/admin.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>

#include "broker/admin/admin_cache.h"
#include "broker/admin/admin_l2s.h"
#include "broker/admin/metrics.h"
#include "broker/admin/prometheus_text.h"
#include "broker/l2_http/web_pages.h"
#include "common/http/http_head.h"
#include "common/http/http_writer.h"

namespace daphnis::broker {
namespace {

constexpr std::string_view kPrometheus = "text/plain; version=0.0.4; charset=utf-8";
constexpr std::string_view kReadyz = "/readyz";
constexpr std::string_view kRequire = "?require=";
constexpr std::string_view kLogLevel = "/log-level/";

std::string respond(const http::Head* request, int status, std::string_view type,
                    std::string_view body) {
  auto head = http::HeadWriter::response(status);
  head.add("Content-Type", type).add("Content-Length", body.size()).add("Connection", "close");
  head.add("Cache-Control", "no-store");
  std::string out = head.finish();
  if (!request || request->method != "HEAD") out.append(body);
  return out;
}

/// True for an address literal with or without port, and for localhost, which no stranger's page
/// can have as its host.
bool is_literal_host(std::string_view host) {
  if (host.starts_with('[')) {
    const size_t end = host.find(']');
    if (end == std::string_view::npos) return false;
    in6_addr address{};
    return inet_pton(AF_INET6, std::string(host.substr(1, end - 1)).c_str(), &address) == 1;
  }
  const std::string_view name = host.substr(0, host.find(':'));
  in_addr address{};
  return http::equals_ignoring_case(name, "localhost") ||
         inet_pton(AF_INET, std::string(name).c_str(), &address) == 1;
}

std::string workers_ndjson(const Broker& broker, uint64_t now_ms) {
  std::string out;
  for (const auto& [id, worker] : broker.workers().all()) {
    if (!worker.is_admitted) continue;
    const ipc::WorkerStats& stats = worker.stats;
    fmt::format_to(
        std::back_inserter(out),
        R"({{"index":{},"pid":{},"version":{},"connected_ms":{},"silent_ms":{},)"
        R"("handoffs_awaiting":{},"listeners":{},"clients":{},"fetches":{},"requests":{},)"
        R"("2xx":{},"3xx":{},"4xx":{},"5xx":{},"aborted":{},"client_left":{},"bytes_out":{},)"
        R"("verify_failures":{},"descriptors":{},"rss_bytes":{},)"
        R"("loners":{},"readers_left":{},"readers_cut":{},"yields":{}}})"
        "\n",
        worker.index, worker.pid, worker.version, now_ms - worker.connected_ms,
        now_ms - worker.heard_ms, worker.handoffs_awaiting,
        broker.workers().listeners().held_by(id), stats.clients, stats.fetches, stats.requests,
        stats.status_2xx, stats.status_3xx, stats.status_4xx, stats.status_5xx, stats.aborted,
        stats.client_left, stats.bytes_out, stats.verify_failures, stats.descriptors,
        stats.rss_bytes, stats.loners, stats.readers_left, stats.readers_cut, stats.yields);
  }
  return out;
}

std::string set_log_level(const http::Head& head, Broker& broker) {
  LogLevel level{};
  if (!parse_log_level(std::string_view(head.target).substr(kLogLevel.size()), level)) {
    return respond(&head, 400, kText, "write debug, info, warn or error\n");
  }
  broker.broadcast_log_level(level);
  return respond(&head, 200, kText, "ok\n");
}

/// The list of all entries. It has no Content-Length, since its length is not known before its end;
/// the connection's end is the body's.
AdminReply list(const http::Head& head, const Broker& broker) {
  auto start = http::HeadWriter::response(200);
  start.add("Content-Type", kNdjson).add("Connection", "close").add("Cache-Control", "no-store");
  AdminReply reply{start.finish()};
  if (head.method != "HEAD") reply.text += cache_list(broker, reply.cursor);
  return reply;
}

/// The reply to /readyz: ready where the broker is not draining and has all that `require` lists,
/// separated by commas. `require` must be the whole query. That the edge suspects itself makes it
/// unready only where `require` says "self": hits are served all the same, and ids that cost
/// nothing could bring the suspicion about.
std::string readiness(const http::Head& head, const Broker& broker, uint64_t now_ms) {
  const size_t workers = broker.workers().admitted().size();
  const size_t l2s = broker.registrations().registry().size();
  const bool suspects_itself = broker.registrations().health().suspects_itself(now_ms);
  bool is_ready = !broker.is_draining();
  std::string_view query = std::string_view(head.target).substr(kReadyz.size());
  if (!query.empty() && !query.starts_with(kRequire)) {
    return respond(&head, 400, kText, "/readyz?require=worker,l2,self\n");
  }
  query.remove_prefix(std::min(query.size(), kRequire.size()));
  while (!query.empty()) {
    const std::string_view name = query.substr(0, query.find(','));
    query.remove_prefix(std::min(query.size(), name.size() + 1));
    if (name == "worker") {
      is_ready = is_ready && workers > 0;
    } else if (name == "l2") {
      is_ready = is_ready && l2s > 0;
    } else if (name == "self") {
      is_ready = is_ready && !suspects_itself;
    } else {
      return respond(&head, 400, kText, "require knows worker, l2 and self\n");
    }
  }
  return respond(&head, is_ready ? 200 : 503, kJson,
                 fmt::format(R"({{"ready":{},"draining":{},"workers":{},"l2s":{},)"
                             R"("suspects_itself":{}}})"
                             "\n",
                             is_ready, broker.is_draining(), workers, l2s, suspects_itself));
}

std::string look(const http::Head& head, std::string_view path, const Broker& broker,
                 const ProcessGauges& process, uint64_t now_ms) {
  if (path == "/healthz") return respond(&head, 200, kText, "ok\n");
  if (path == kReadyz) return readiness(head, broker, now_ms);
  if (path == "/l2s") return respond(&head, 200, kNdjson, l2_list(broker, now_ms));
  if (path == "/workers") return respond(&head, 200, kNdjson, workers_ndjson(broker, now_ms));
  if (path == "/metrics") {
    const Metrics metrics = metrics_of(broker, process, now_ms);
    return respond(&head, 200, kPrometheus, prometheus_text(metrics));
  }
  return respond(&head, 404, kText, "/healthz /readyz /l2s /workers /cache /metrics\n");
}

}  // namespace

AdminReply admin_reply(const http::Head& head, std::string_view body, Broker& broker,
                       const ProcessGauges& process, uint64_t now_ms) {
  const std::string* host = head.find("host");
  if (is_from_web_page(head) || (host && !is_literal_host(*host))) {
    return {respond(&head, 403, kText, "not for web pages; name this host by its address\n")};
  }
  const std::string_view path = std::string_view(head.target).substr(0, head.target.find('?'));
  if (head.method == "POST" && path.starts_with(kLogLevel)) return {set_log_level(head, broker)};
  if (head.method == "POST" && path.starts_with("/cache/")) {
    const CommandReply reply = cache_command(head, path, body, broker);
    return {respond(&head, reply.status, reply.type, reply.body)};
  }
  if (head.method == "POST" && path.starts_with("/l2s/")) {
    const CommandReply reply = l2_command(head, path, broker, now_ms);
    return {respond(&head, reply.status, reply.type, reply.body)};
  }
  if (head.method != "GET" && head.method != "HEAD") {
    return {respond(&head, 405, kText, "only GET here\n")};
  }
  if (path == "/cache") return list(head, broker);
  return {look(head, path, broker, process, now_ms)};
}

std::string admin_more(const Broker& broker, uint64_t& cursor) {
  return cache_list(broker, cursor);
}

std::string admin_refusal(const http::Refusal& refusal) {
  return respond(nullptr, refusal.status, kText, std::string(refusal.detail) + "\n");
}

}  // namespace daphnis::broker
