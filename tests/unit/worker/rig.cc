#include "tests/unit/worker/rig.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "common/http/http_parser.h"
#include "tests/unit/worker/peer_socket.h"

namespace daphnis::worker::test {
namespace {

void append(ByteVector& out, Bytes bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

void append_varint(ByteVector& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<uint8_t>(value | 0x80));
  out.push_back(static_cast<uint8_t>(value));
}

/// Appends a CBOR head: a major type and a length below 65,536.
void append_cbor_head(ByteVector& out, uint8_t major, size_t length) {
  if (length < 24) {
    out.push_back(static_cast<uint8_t>(major << 5 | length));
  } else if (length > 255) {
    out.push_back(static_cast<uint8_t>(major << 5 | 25));
    out.push_back(static_cast<uint8_t>(length >> 8));
    out.push_back(static_cast<uint8_t>(length));
  } else {
    out.push_back(static_cast<uint8_t>(major << 5 | 24));
    out.push_back(static_cast<uint8_t>(length));
  }
}

void append_cbor_link(ByteVector& out, const Cid& cid) {
  append(out, std::array<uint8_t, 2>{0xd8, 42});
  append_cbor_head(out, 2, cid.bytes().size() + 1);
  out.push_back(0);
  append(out, cid.bytes());
}

void append_section(ByteVector& out, const Cid& cid, Bytes block) {
  append_varint(out, cid.bytes().size() + block.size());
  append(out, cid.bytes());
  append(out, block);
}

/// The ways in which the peer's socket is ready for what the worker waits for.
Readiness readiness_of(const Peer& peer) {
  const bool has_input = !peer.unread.empty() || peer.has_ended || peer.is_lost;
  return {.reads = peer.wanted.reads && has_input,
          .writes = peer.wanted.writes && (peer.space > 0 || peer.is_lost)};
}

}  // namespace

SampleCar::SampleCar(size_t leaf_bytes, size_t repeats, uint64_t leaf_hash, uint8_t leaf_count) {
  Hasher hasher;
  std::vector<ByteVector> leaves;
  std::vector<Cid> cids;
  ByteVector list;
  append_cbor_head(list, 4, leaf_count + repeats);
  for (uint8_t i = 0; i < leaf_count; ++i) {
    leaves.emplace_back(leaf_bytes, static_cast<uint8_t>('a' + i));
    cids.push_back(*hasher.cid_of(codec::kRaw, leaf_hash, leaves.back()));
    append_cbor_link(list, cids.back());
  }
  for (size_t i = 0; i < repeats; ++i) append_cbor_link(list, cids.back());
  root = *hasher.cid_of(codec::kDagCbor, hash::kSha2_256, list);

  ByteVector header;
  append_cbor_head(header, 5, 2);
  append_cbor_head(header, 3, 5);
  append(header, as_bytes("roots"));
  append_cbor_head(header, 4, 1);
  append_cbor_link(header, root);
  append_cbor_head(header, 3, 7);
  append(header, as_bytes("version"));
  header.push_back(1);
  append_varint(bytes, header.size());
  append(bytes, header);
  append_section(bytes, root, list);
  section_ends.push_back(bytes.size());
  for (size_t i = 0; i < leaves.size(); ++i) {
    append_section(bytes, cids[i], leaves[i]);
    section_ends.push_back(bytes.size());
  }
}

Rig::Rig(Settings settings, uint32_t access_line_every)
    : driver({.worker = settings, .index = 3, .pid = 4711, .access_line_every = access_line_every},
             *this, buffers_, [this](std::span<uint8_t> out) {
               std::ranges::fill(out, static_cast<uint8_t>(now_ms));
             }) {
  worker.on_wall_clock(1'700'000'000);
}

Rig::~Rig() = default;

Peer& Rig::new_peer() {
  return *peers_.emplace_back(std::make_unique<Peer>());
}

Peer& Rig::connect(const std::string& address) {
  Peer& peer = new_peer();
  driver.on_client(std::make_unique<PeerSocket>(peer, 0), address, now_ms);
  turn_ready_sockets();
  return peer;
}

void Rig::send(Peer& peer, std::string_view text) {
  send(peer, text, std::max<size_t>(text.size(), 1));
}

void Rig::send(Peer& peer, std::string_view text, size_t buffer_bytes) {
  REQUIRE(peer.connection);
  REQUIRE(peer.connection->wants_input());
  peer.unread = text;
  buffers_.size = buffer_bytes;
  peer.driver->on_ready({.reads = true}, now_ms);
  CHECK(peer.unread.empty());
  turn_ready_sockets();
}

/// A socket that is not waited for shows its end later, but a test does not wait: the connection
/// must take the end at any time.
void Rig::end(Peer& peer) {
  REQUIRE(peer.connection);
  if (peer.wanted.reads) {
    peer.has_ended = true;
    return turn_ready_sockets();
  }
  peer.connection->on_eof(now_ms);
  worker.touch(*peer.connection);
  after_input();
}

/// As end().
void Rig::lose(Peer& peer) {
  REQUIRE(peer.connection);
  if (peer.wanted.reads || peer.wanted.writes) {
    peer.is_lost = true;
    return turn_ready_sockets();
  }
  peer.connection->on_lost(now_ms);
  worker.touch(*peer.connection);
  after_input();
}

void Rig::give_space(Peer& peer, size_t bytes) {
  peer.space = bytes;
  after_input();
}

void Rig::start_broker(const std::string& cache_dir) {
  driver.on_broker_connected(now_ms);
  tell(ipc::Welcome{.node_id = "node-1", .cache_dir = cache_dir});
}

void Rig::stop_broker() {
  driver.on_broker_closed("", now_ms);
  turn_ready_sockets();
}

void Rig::tell(const ipc::BrokerToWorker& message) {
  REQUIRE(driver.on_broker_message(message, nullptr, now_ms));
  turn_ready_sockets();
}

Peer& Rig::hand_off(const ipc::Fetch& fetch, std::string_view received, StreamShape shape) {
  ++attempts_;
  ipc::Handoff handoff;
  handoff.fetch_id = fetch.fetch_id;
  handoff.attempt_id.fill(attempts_);
  handoff.cookie = attempts_;
  handoff.shape = shape;
  handoff.attempt_number = attempts_;
  handoff.admission = admission;
  handoff.l2_id = "l2-" + std::to_string(attempts_);
  handoff.address = "192.0.2.50";
  handoff.received.assign(received.begin(), received.end());
  Peer& peer = new_peer();
  auto socket = std::make_unique<PeerSocket>(peer, attempts_);
  REQUIRE(driver.on_broker_message(handoff, std::move(socket), now_ms));
  turn_ready_sockets();
  return peer;
}

Peer& Rig::connect_directly(const std::string& certified_id) {
  Peer& peer = new_peer();
  const uint64_t cookie = 1'000 + peers_.size();
  REQUIRE(driver.on_broker_message(ipc::DirectSocket{.cookie = cookie, .address = "192.0.2.50"},
                                   std::make_unique<PeerSocket>(peer, cookie), now_ms));
  REQUIRE(handshake_);
  driver.on_direct(std::move(handshake_),
                   {.address = "192.0.2.50", .over_tls = true, .certified_id = certified_id},
                   now_ms);
  turn_ready_sockets();
  return peer;
}

Peer& Rig::connect_to_port() {
  Peer& peer = new_peer();
  const uint64_t cookie = 1'000 + peers_.size();
  driver.on_direct(std::make_unique<PeerSocket>(peer, cookie), {.address = "192.0.2.51"}, now_ms);
  turn_ready_sockets();
  return peer;
}

void Rig::finish_looks(MemoryCache& cache) {
  while (!cache.looks_waiting.empty()) {
    for (const auto& [id, key] : std::exchange(cache.looks_waiting, {})) {
      driver.on_cache_look(id, cache.look(key), now_ms);
      turn_ready_sockets();
    }
  }
}

void Rig::finish_read(MemoryCache& cache) {
  REQUIRE(cache.reads_waiting.size() == 1);
  const MemoryCache::Read read = cache.reads_waiting.back();
  cache.reads_waiting.clear();
  driver.on_cache_read(read.id, read.result(), now_ms);
  turn_ready_sockets();
}

void Rig::finish_job(FileJobDone done) {
  driver.on_file_job_done(std::move(done), now_ms);
  turn_ready_sockets();
}

void Rig::pass_time(uint64_t ms) {
  const uint64_t end_ms = now_ms + ms;
  after_input();
  while (timer_ms_ <= end_ms) {
    now_ms = std::max(now_ms, std::exchange(timer_ms_, kNever));
    driver.on_time(now_ms);
    turn_ready_sockets();
    for (const ipc::Ping& ping : sent<ipc::Ping>()) tell(ipc::Pong{ping.sequence});
  }
  now_ms = end_ms;
}

void Rig::after_input() {
  driver.after_input(now_ms);
  turn_ready_sockets();
}

void Rig::turn_ready_sockets() {
  for (bool is_any_ready = true; std::exchange(is_any_ready, false);) {
    for (const auto& peer : peers_) {
      const Readiness ready = readiness_of(*peer);
      if (!ready.reads && !ready.writes) continue;
      is_any_ready = true;
      peer->driver->on_ready(ready, now_ms);
    }
  }
}

void Rig::send(std::span<const ipc::WorkerToBroker> sent) {
  messages.insert(messages.end(), sent.begin(), sent.end());
}

void Rig::send_at_once(std::span<const ipc::WorkerToBroker> sent) {
  received_at_once = 0;
  for (const auto& peer : peers_) received_at_once += peer->received.size();
  send(sent);
}

void Rig::give_back(const ipc::ReturnSocket& message, std::unique_ptr<DrivenSocket> socket) {
  auto& given = static_cast<PeerSocket&>(*socket);
  given.peer().given_back = message;
  given.end(Ending::kGiveBack);
}

void Rig::drop_broker(const std::string& why) {
  FAIL("the broker is dropped: " << why);
}

std::optional<uint64_t> Rig::bind_listener(const std::string&) {
  must_bind = true;
  return std::nullopt;
}

std::string post_head(std::string_view fields) {
  return "POST /data/x HTTP/1.1\r\nHost: edge\r\n" + std::string(fields) + "\r\n";
}

std::string post_with_length(Bytes body) {
  return post_head("Content-Length: " + std::to_string(body.size()) + "\r\n") + text(body);
}

std::string chunk(Bytes data) {
  std::array<char, 16> hex;
  const auto end = std::to_chars(hex.data(), hex.data() + hex.size(), data.size(), 16).ptr;
  return std::string(hex.data(), end) + "\r\n" + text(data) + "\r\n";
}

std::string get(const SampleCar& car, std::string_view version) {
  return "GET " + car.target() + " " + std::string(version) + "\r\nHost: edge\r\n\r\n";
}

size_t count(std::string_view text, std::string_view what) {
  size_t found = 0;
  for (size_t at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++found;
  return found;
}

std::string dechunked(std::string_view answer) {
  http::Parser parser(http::Parser::Kind::kResponse);
  std::string out;
  while (true) {
    const auto step = parser.step(as_bytes(answer));
    answer.remove_prefix(step.consumed);
    out.append(as_text(step.body));
    if (step.event == http::Parser::Event::kEnd) break;
    REQUIRE(step.event != http::Parser::Event::kNeedMore);
    REQUIRE(step.event != http::Parser::Event::kRefused);
  }
  REQUIRE(answer.empty());
  return out;
}

std::string status_line(std::string_view answer) {
  return std::string(answer.substr(0, answer.find("\r\n")));
}

}  // namespace daphnis::worker::test
