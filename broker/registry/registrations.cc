#include "broker/registry/registrations.h"

#include <utility>

#include "common/http/http_writer.h"

namespace daphnis::broker {
namespace {

void append_chunk(std::string& out, std::string_view data) {
  out.append(as_text(http::ChunkHead(data.size()).bytes())).append(data).append(http::kChunkEnd);
}

/// 32 lower-case hex digits.
std::string hex_of(const Uuid& key) {
  std::string out = text_of(key);
  std::erase(out, '-');
  return out;
}

std::string registration_head(const Registration& registration, const Uuid& session_key) {
  auto head = http::HeadWriter::response(200);
  head.add("Content-Type", "application/x-ndjson").add("Cache-Control", "no-cache");
  // An nginx in front of the broker would otherwise hold the lines back.
  head.add("X-Accel-Buffering", "no");
  head.add("Daphnis-Session", hex_of(session_key));
  head.add(registration.is_chunked ? "Transfer-Encoding" : "Connection",
           registration.is_chunked ? "chunked" : "close");
  return head.finish();
}

}  // namespace

std::string Registrations::registration_end(const Registration& registration,
                                            std::string_view reason) {
  if (!registration.is_chunked) return {};
  return "0\r\nDaphnis-Reason: " + std::string(reason) + "\r\n\r\n";
}

std::expected<Registry::Admission, Registry::Refusal> Registrations::open(
    Registration registration, ConnId conn, const std::string& address, uint64_t now_ms) {
  auto admitted = registry_.admit(std::move(registration), conn, address, now_ms);
  if (!admitted) return admitted;
  L2& l2 = *admitted->l2;
  l2.unsent_bytes = l2.over_since_ms = 0;
  l2.is_accused = false;
  if (admitted->replaced) {
    ++context_.counters.replacements;
    holdings_.remove_all(l2.no);  // The L2 announces them anew.
  } else {
    ring_.add(l2.id(), l2.no);
  }
  ++context_.counters.registrations;
  context_.out.push(TuneRegistration{conn});
  l2.session_key = context_.random();
  std::string head = registration_head(l2.registration, l2.session_key);
  if (l2.registration.is_chunked) {
    append_chunk(head, "\n");
  } else {
    head.push_back('\n');
  }
  write(l2, std::move(head), now_ms);
  arm(l2, now_ms + context_.settings.heartbeat_ms);
  LogLine line(admitted->replaced ? "l2_replaced" : "l2_registered");
  line.add("l2", l2.id()).add("address", address);
  line.add("generation", generation_name(l2.capabilities()));
  line.add("capacity", l2.registration.capacity);
  line.add("l2s", registry_.size());
  if (admitted->replaced) {
    line.add("former_address", admitted->former_address).add("former_ms", admitted->former_ms);
  }
  if (admitted->is_contested) line.add("advice", "two nodes use this id: give each its own");
  context_.out.log(admitted->is_contested ? LogLevel::kWarn : LogLevel::kInfo, std::move(line));
  return admitted;
}

void Registrations::remove(L2& l2, std::string_view why, uint64_t now_ms) {
  ++context_.counters.losses;
  context_.out.log(LogLevel::kInfo, LogLine("l2_lost")
                                        .add("l2", l2.id())
                                        .add("reason", why)
                                        .add("registered_ms", now_ms - l2.registered_ms)
                                        .add("l2s", registry_.size() - 1));
  context_.timers.clear(l2.heartbeat, TimerKind::kL2, static_cast<uint64_t>(l2.no));
  ring_.remove(l2.id(), l2.no);
  holdings_.remove_all(l2.no);
  registry_.remove(l2.no);
}

void Registrations::send_line(L2& l2, std::string_view line, uint64_t now_ms) {
  if (!l2.registration.is_chunked) {
    write(l2, std::string(line), now_ms);
    return;
  }
  std::string chunk;
  chunk.reserve(line.size() + 12);
  append_chunk(chunk, line);
  write(l2, std::move(chunk), now_ms);
}

void Registrations::write(L2& l2, std::string bytes, uint64_t now_ms) {
  if (l2.is_given_up) return;
  if (l2.unsent_bytes == 0) l2.taken_ms = now_ms;
  l2.unsent_bytes += bytes.size();
  if (l2.over_since_ms == 0 && l2.unsent_bytes >= l2.unsent_bytes_max()) l2.over_since_ms = now_ms;
  context_.out.push(WriteL2{l2.conn, std::move(bytes)});
}

void Registrations::on_unsent(L2& l2, size_t unsent_bytes, uint64_t now_ms) {
  if (unsent_bytes < l2.unsent_bytes) l2.taken_ms = now_ms;
  l2.unsent_bytes = unsent_bytes;
  // Half the bound must be free before it counts: an L2 that only takes a line now and then is of
  // no use.
  if (unsent_bytes < l2.unsent_bytes_max() / 2) l2.over_since_ms = 0;
}

bool Registrations::is_stuck(const L2& l2, uint64_t now_ms) const {
  const uint64_t patience_ms = context_.settings.l2_stuck_ms;
  return (l2.unsent_bytes > 0 && now_ms - l2.taken_ms >= patience_ms) ||
         (l2.over_since_ms != 0 && now_ms - l2.over_since_ms >= patience_ms);
}

void Registrations::on_timer(L2No no, uint64_t now_ms) {
  L2* l2 = registry_.find(no);
  if (!l2) return;
  Timers::fired(l2->heartbeat);
  if (!is_stuck(*l2, now_ms)) {
    l2->is_accused = false;
    send_line(*l2, "\n", now_ms);
    arm(*l2, now_ms + context_.settings.heartbeat_ms);
  } else if (!std::exchange(l2->is_accused, true)) {
    // After a pause of this process the clock would accuse every L2 before its socket was polled,
    // so an L2 is given up only at the second timer.
    arm(*l2, now_ms + limits::kL2BehindMs);
  } else if (!std::exchange(l2->is_given_up, true)) {
    ++context_.counters.drops_stuck;
    given_up_.push_back(no);
  }
}

void Registrations::arm(L2& l2, uint64_t at_ms) {
  context_.timers.set(l2.heartbeat, TimerKind::kL2, static_cast<uint64_t>(l2.no), at_ms);
}

}  // namespace daphnis::broker
