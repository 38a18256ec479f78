#pragma once

#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/varint.h"
#include "common/ipld/hashes.h"
#include "tests/unit/worker/memory_cache.h"
#include "worker/driver/driver.h"

namespace daphnis::worker::test {

using ByteVector = std::vector<uint8_t>;

/// A CAR of leaves under a dag-cbor list, and what a client must get for it.
struct SampleCar {
  /// The list names the last leaf `repeats` times more; the CAR holds it once.
  explicit SampleCar(size_t leaf_bytes = 1'000, size_t repeats = 0,
                     uint64_t leaf_hash = hash::kSha2_256, uint8_t leaf_count = 2);

  Cid root;
  ByteVector bytes;                  ///< Header, root, leaves; whole and correct.
  std::vector<size_t> section_ends;  ///< The end of each section in `bytes`.
  [[nodiscard]] std::string target() const { return "/ipfs/" + root.text() + "?format=car"; }
};

/// A connection's far end, whose kernel takes as many bytes as the test says.
struct Peer {
  Connection* connection = nullptr;  ///< Null once the socket is closed.
  SocketDriver* driver = nullptr;    ///< The connection's driver; null once the socket is closed.
  Readiness wanted;                  ///< What the worker waits for.
  std::string unread;                ///< Bytes that are sent and not read.
  std::string received;
  size_t space = SIZE_MAX;  ///< Bytes that the kernel still takes.
  bool has_ended = false;   ///< The peer has ended its side.
  bool is_lost = false;     ///< The connection is broken.
  bool is_half_closed = false;
  Ending ending = Ending::kOpen;  ///< The ending of the socket.
  ipc::ReturnSocket given_back = {};
};

/// Buffers of just the size of the next input, so that a test knows what its bytes pin, and that a
/// sanitizer sees a use of input that was not to be kept.
class ExactBuffers final : public ReadBuffers {
 public:
  [[nodiscard]] BufferRef take() override { return BufferRef::allocate(size); }
  [[nodiscard]] const BufferRef& scratch() override { return scratch_ = take(); }

  size_t size = 1;

 private:
  BufferRef scratch_;
};

/// A Worker with its Driver, whose system is the test: time, clients, a broker and L2s, all in
/// memory.
class Rig : private DriverHost {
 public:
  explicit Rig(Settings settings = {}, uint32_t access_line_every = 1);
  ~Rig();

  Peer& connect(const std::string& address = "192.0.2.7");
  /// The peer sends; what the worker makes of it is carried out.
  void send(Peer& peer, std::string_view text);
  void send(Peer& peer, Bytes bytes) { send(peer, as_text(bytes)); }
  /// The same where the worker reads with buffers of so many bytes, two of them at once.
  void send(Peer& peer, std::string_view text, size_t buffer_bytes);
  void end(Peer& peer);
  void lose(Peer& peer);
  /// The peer's kernel takes `bytes` more.
  void give_space(Peer& peer, size_t bytes);

  void start_broker(const std::string& cache_dir = "");
  void stop_broker();
  void tell(const ipc::BrokerToWorker& message);
  /// Hands an L2's connection over, of which `received` was read already.
  Peer& hand_off(const ipc::Fetch& fetch, std::string_view received,
                 StreamShape shape = StreamShape::kExact);
  /// An L2 has asked for the worker by its name, and the broker passes its connection on.
  /// `certified_id`: the common name of its certificate.
  Peer& connect_directly(const std::string& certified_id = "");
  /// An L2 connects to the worker's own port, and speaks plain text.
  Peer& connect_to_port();
  /// Ends all look-ups of the cache, and those that follow from them, as its disk would.
  void finish_looks(MemoryCache& cache);
  /// Ends the one read that is waited for.
  void finish_read(MemoryCache& cache);
  void finish_job(FileJobDone done);
  void pass_time(uint64_t ms);
  /// Carries out what the worker has made of any other input.
  void after_input();

  /// Returns the messages of one type, oldest first, and takes them off the list.
  template <class Message>
  std::vector<Message> sent() {
    std::vector<Message> out;
    std::erase_if(messages, [&](const ipc::WorkerToBroker& any) {
      const auto* message = std::get_if<Message>(&any);
      if (message) out.push_back(*message);
      return message != nullptr;
    });
    return out;
  }
  /// The one message of this type; fails the test where there are more or none.
  template <class Message>
  Message only() {
    const auto all = sent<Message>();
    REQUIRE(all.size() == 1);
    return all.front();
  }
  /// The access lines so far.
  std::vector<std::string> lines;
  std::vector<ipc::WorkerToBroker> messages;
  std::vector<FileJob> jobs;  ///< The file jobs that nobody has taken yet.
  bool must_bind = false;     ///< The worker has asked for a listening socket of its own.
  std::vector<ipc::Listening> offers;
  std::vector<uint64_t> closed_listeners;  ///< The cookies of listening sockets.
  size_t stops = 0;                        ///< How often the process was told to end.
  std::optional<LogLevel> log_level;
  /// The verdict on admission to the cache that hand_off() passes on.
  ipc::Admission admission = ipc::Admission::kNo;
  uint64_t now_ms = 1'000;
  /// Bytes that all peers had received when a message last had to go at once.
  size_t received_at_once = 0;

 private:
  // DriverHost
  void send(std::span<const ipc::WorkerToBroker> sent) final;
  void send_at_once(std::span<const ipc::WorkerToBroker> sent) final;
  void give_back(const ipc::ReturnSocket& message, std::unique_ptr<DrivenSocket> socket) final;
  void drop_broker(const std::string& why) final;
  [[nodiscard]] std::optional<uint64_t> bind_listener(const std::string& address) final;
  void accept_on(const std::string&, std::unique_ptr<DrivenSocket>) final {}
  [[nodiscard]] bool awaits_clients() const final { return false; }
  void offer_listener(const ipc::Listening& offer) final { offers.push_back(offer); }
  void close_listener(uint64_t cookie) final { closed_listeners.push_back(cookie); }
  void accept_waiting() final {}
  void start_handshake(std::unique_ptr<DrivenSocket> socket, const std::string&) final {
    handshake_ = std::move(socket);
  }
  void start(FileJob job) final { jobs.push_back(std::move(job)); }
  void set_timer(uint64_t at_ms) final { timer_ms_ = at_ms; }
  void log(LogLevel, const LogLine&) final {}
  void log_access(const LogLine& line) final { lines.push_back(line.text()); }
  void set_log_level(LogLevel level) final { log_level = level; }
  void stop() final { ++stops; }

  [[nodiscard]] Peer& new_peer();
  /// Gives all sockets that are ready their turns.
  void turn_ready_sockets();

  std::vector<std::unique_ptr<Peer>> peers_;
  std::unique_ptr<DrivenSocket> handshake_;  ///< That of the last DirectSocket.
  ExactBuffers buffers_;
  uint64_t timer_ms_ = kNever;
  uint8_t attempts_ = 0;

 public:
  Driver driver;  ///< Destroyed before the peers, whose sockets it owns.
  Worker& worker = driver.core();
};

/// A request for the CAR.
[[nodiscard]] std::string get(const SampleCar& car, std::string_view version = "HTTP/1.1");
/// A head "POST /data/…" with the given fields.
[[nodiscard]] std::string post_head(std::string_view fields);
[[nodiscard]] std::string post_with_length(Bytes body);
[[nodiscard]] std::string chunk(Bytes data);
[[nodiscard]] inline std::string text(Bytes bytes) {
  return std::string(as_text(bytes));
}

/// The content of a chunked answer; fails the test where it is not whole.
[[nodiscard]] std::string dechunked(std::string_view answer);
/// The number of times that `what` stands in `text`.
[[nodiscard]] size_t count(std::string_view text, std::string_view what);
/// The first line of an answer, such as "HTTP/1.1 200 OK".
[[nodiscard]] std::string status_line(std::string_view answer);

}  // namespace daphnis::worker::test
