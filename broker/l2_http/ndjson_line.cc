#include "broker/l2_http/ndjson_line.h"

#include <utility>

#include "broker/l2_http/order_line.h"
#include "common/http/http_writer.h"

namespace daphnis::broker {
namespace {

constexpr std::string_view kHeartbeat = "\n";
/// The most bytes of a chunk besides its data, where these are fewer than 4 GiB.
constexpr size_t kChunkFramingBytes = 12;

/// 32 lower-case hex digits.
std::string hex_of(const Uuid& key) {
  std::string out = text_of(key);
  std::erase(out, '-');
  return out;
}

}  // namespace

size_t NdjsonLine::begin(const Uuid& session_key) {
  out_.push(TuneRegistration{conn_});
  std::string head = head_of(session_key);
  append_line(head, kHeartbeat);
  return write(std::move(head));
}

size_t NdjsonLine::order(const Order& order) {
  return send_line(order_line(order, capabilities_));
}

size_t NdjsonLine::cancel(const Uuid& attempt_id) {
  return capabilities_.reads_cancels ? send_line(cancel_line(attempt_id)) : 0;
}

size_t NdjsonLine::notice(const Ejection& ejection) {
  return speaks_v2(capabilities_) ? send_line(notice_line(ejection)) : 0;
}

size_t NdjsonLine::contested(std::string_view reason) {
  return speaks_v2(capabilities_) ? send_line(contested_line(reason)) : 0;
}

size_t NdjsonLine::token(std::string_view successor) {
  return speaks_v2(capabilities_) ? send_line(token_line(successor)) : 0;
}

size_t NdjsonLine::heartbeat() {
  return send_line(kHeartbeat);
}

void NdjsonLine::end(std::string_view reason, uint64_t now_ms) {
  if (framing_ == Framing::kChunked) {
    write("0\r\nDaphnis-Reason: " + std::string(reason) + "\r\n\r\n");
  }
  connections_.linger(conn_, now_ms);
}

void NdjsonLine::cut() {
  connections_.close(conn_);
}

std::string NdjsonLine::head_of(const Uuid& session_key) const {
  const bool is_chunked = framing_ == Framing::kChunked;
  auto head = http::HeadWriter::response(200);
  head.add("Content-Type", "application/x-ndjson").add("Cache-Control", "no-cache");
  // An nginx in front of the broker would otherwise hold the lines back.
  head.add("X-Accel-Buffering", "no");
  head.add("Daphnis-Session", hex_of(session_key));
  if (speaks_v2(capabilities_)) head.add("Daphnis-Version", kL2Version);
  head.add(is_chunked ? "Transfer-Encoding" : "Connection", is_chunked ? "chunked" : "close");
  return head.finish();
}

void NdjsonLine::append_line(std::string& out, std::string_view line) const {
  if (framing_ == Framing::kClose) {
    out.append(line);
    return;
  }
  out.append(as_text(http::ChunkHead(line.size()).bytes())).append(line).append(http::kChunkEnd);
}

size_t NdjsonLine::send_line(std::string_view line) {
  std::string bytes;
  bytes.reserve(line.size() + kChunkFramingBytes);
  append_line(bytes, line);
  return write(std::move(bytes));
}

size_t NdjsonLine::write(std::string bytes) {
  const size_t size = bytes.size();
  out_.push(WriteL2{conn_, std::move(bytes)});
  return size;
}

}  // namespace daphnis::broker
