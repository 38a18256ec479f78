#include "tests/unit/worker/rig.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "common/http/http_parser.h"
#include "tests/unit/worker/memory_file.h"

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

}  // namespace

SampleCar::SampleCar(size_t leaf_bytes, size_t repeats, uint64_t leaf_hash) {
  Hasher hasher;
  std::vector<ByteVector> leaves;
  std::vector<Cid> cids;
  ByteVector list;
  append_cbor_head(list, 4, 2 + repeats);
  for (uint8_t fill : {uint8_t{'a'}, uint8_t{'b'}}) {
    leaves.emplace_back(leaf_bytes, fill);
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

Rig::Rig(Settings settings)
    : worker(settings, 3, 4711, [this](std::span<uint8_t> out) {
        std::ranges::fill(out, static_cast<uint8_t>(now_ms));
      }) {
  worker.on_wall_clock(1'700'000'000);
}

Rig::~Rig() = default;

Peer& Rig::add(Connection* connection) {
  peers_.push_back(std::make_unique<Peer>());
  peers_.back()->connection = connection;
  after_input();
  return *peers_.back();
}

Peer& Rig::connect() {
  return add(worker.on_client("192.0.2.7", now_ms));
}

void Rig::send(Peer& peer, std::string_view text) {
  REQUIRE(peer.connection);
  REQUIRE(peer.connection->wants_input());
  peer.connection->on_bytes(Slice::copy_of(as_bytes(text)), now_ms);
  after_input();
}

void Rig::end(Peer& peer) {
  peer.connection->on_eof(now_ms);
  after_input();
}

void Rig::lose(Peer& peer) {
  peer.connection->on_lost(now_ms);
  after_input();
}

void Rig::give_space(Peer& peer, size_t bytes) {
  peer.space = bytes;
  after_input();
}

void Rig::start_broker(const std::string& cache_dir) {
  worker.on_broker_connected(now_ms);
  after_input();
  tell(ipc::Welcome{.node_id = "node-1", .cache_dir = cache_dir});
}

void Rig::stop_broker() {
  worker.on_broker_closed(now_ms);
  after_input();
}

void Rig::tell(const ipc::BrokerToWorker& message) {
  Connection* stream = nullptr;
  REQUIRE(worker.on_broker_message(message, false, now_ms, &stream));
  REQUIRE(!stream);
  after_input();
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
  handoff.received.assign(received.begin(), received.end());
  Connection* stream = nullptr;
  REQUIRE(worker.on_broker_message(handoff, true, now_ms, &stream));
  REQUIRE(stream);
  return add(stream);
}

void Rig::finish_looks(MemoryCache& cache) {
  while (!cache.looks_waiting.empty()) {
    for (const auto& [id, key] : std::exchange(cache.looks_waiting, {})) {
      worker.on_cache_look(id, cache.look(key), now_ms);
      after_input();
    }
  }
}

void Rig::finish_read(MemoryCache& cache) {
  REQUIRE(cache.reads_waiting.size() == 1);
  const MemoryCache::Read read = cache.reads_waiting.back();
  cache.reads_waiting.clear();
  worker.on_cache_read(read.id, read.result(), now_ms);
  after_input();
}

void Rig::pass_time(uint64_t ms) {
  const uint64_t end_ms = now_ms + ms;
  while (worker.next_call_ms() <= end_ms) {
    now_ms = std::max(now_ms, worker.next_call_ms());
    REQUIRE(worker.on_time(now_ms));
    after_input();
    for (const ipc::Ping& ping : sent<ipc::Ping>()) tell(ipc::Pong{ping.sequence});
  }
  now_ms = end_ms;
}

void Rig::after_input() {
  for (const auto& peer : peers_) serve(*peer);
  while (!worker.take_woken().empty()) {
    for (const auto& peer : peers_) serve(*peer);
  }
  for (auto& message : worker.take_messages()) messages.push_back(std::move(message));
  for (const LogLine& line : worker.take_access_lines()) lines.push_back(line.text());
}

/// Does what a shell's socket does after an input.
void Rig::serve(Peer& peer) {
  if (!peer.connection) return;
  Connection& connection = *peer.connection;
  std::array<Bytes, 4> views;
  bool is_blocked = false;
  while (!is_blocked && connection.ending() != Ending::kReset) {
    const size_t count = connection.output(views);
    if (count == 0 && !send_file(peer, is_blocked)) break;
    if (count == 0) continue;
    size_t taken = 0;
    for (size_t i = 0; i < count && !is_blocked; ++i) {
      const size_t size = std::min(views[i].size(), peer.space);
      peer.received.append(as_text(views[i].first(size)));
      peer.space -= peer.space == SIZE_MAX ? 0 : size;
      taken += size;
      is_blocked = size < views[i].size();
    }
    if (taken > 0) connection.on_written(taken, now_ms);
  }
  const Ending ending = connection.ending();
  if (ending == Ending::kHalfClose) peer.is_half_closed = peer.is_half_closed || !is_blocked;
  if (ending == Ending::kOpen || ending == Ending::kHalfClose) return;
  if (is_blocked && ending != Ending::kReset) return;
  if (ending == Ending::kGiveBack) {
    const auto message = worker.give_back(connection);
    REQUIRE(message);
    peer.given_back = *message;
  }
  peer.ending = ending;
  peer.connection = nullptr;
  worker.forget(connection, now_ms);
}

bool Rig::send_file(Peer& peer, bool& is_blocked) const {
  const FileRange range = peer.connection->file_output();
  if (!range) return false;
  const auto& file = dynamic_cast<const MemoryFile&>(*range.file);
  const std::string_view bytes = file.at(range.offset, range.size);
  const size_t size = std::min(bytes.size(), peer.space);
  if (bytes.empty()) {
    peer.connection->on_file_lost(file.error(), now_ms);
    return true;
  }
  is_blocked = size < range.size && size == peer.space;
  if (size == 0) return false;
  peer.received.append(bytes.substr(0, size));
  peer.space -= peer.space == SIZE_MAX ? 0 : size;
  peer.connection->on_written(size, now_ms);
  return true;
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
