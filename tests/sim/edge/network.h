#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>

#include "common/base/slice.h"
#include "tests/sim/edge/chance.h"
#include "tests/sim/edge/clock.h"
#include "tests/sim/edge/link_fault.h"

namespace daphnis::sim {

class Network;
class Wire;

/// One end of an in-memory connection that behaves like a TCP socket: writes take as many bytes as
/// fit, bytes arrive late and cut anywhere, and closing with bytes unread makes the peer see a
/// reset, which may overtake bytes on their way. A socket may travel over another socket, with the
/// bytes it holds. Its destruction closes it. Owned by the object that drives it.
class Socket {
 public:
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  /// Takes the first bytes of `bytes`, as many as there is space for; returns their number.
  size_t write(Bytes bytes);
  /// `passenger` travels with the next byte that is written.
  void attach(std::unique_ptr<Socket> passenger);
  /// Ends our side after the bytes that were written.
  void shutdown();
  /// Says whether the socket's destruction will be a reset.
  void set_reset_on_close(bool resets) { resets_on_close_ = resets; }

  /// Moves up to `into.size()` bytes out; returns their number.
  size_t read(std::span<uint8_t> into);
  /// The next socket whose byte has been read; null where there is none.
  [[nodiscard]] std::unique_ptr<Socket> take_passenger();

  [[nodiscard]] size_t readable() const;
  /// True where the peer has ended its side and all of its bytes were read.
  [[nodiscard]] bool has_ended() const;
  [[nodiscard]] bool is_reset() const;
  /// True where a read would return bytes, the end or the reset.
  [[nodiscard]] bool is_ready() const { return readable() > 0 || has_ended() || is_reset(); }
  [[nodiscard]] bool can_write() const;
  /// Bytes written that the peer has not read.
  [[nodiscard]] size_t unread_by_peer() const;

  /// Sets the call that is made, in a turn of its own, when input has come or there is space again.
  void listen(std::function<void()> on_change) { on_change_ = std::move(on_change); }

  [[nodiscard]] uint64_t cookie() const { return cookie_; }
  /// The peer's address, as this end sees it.
  [[nodiscard]] const std::string& address() const { return address_; }

 private:
  friend class Wire;
  friend class Network;
  Socket(std::shared_ptr<Wire> wire, int side, uint64_t cookie, std::string address);

  std::shared_ptr<Wire> wire_;
  int side_;
  uint64_t cookie_;
  std::string address_;
  bool resets_on_close_ = false;
  std::function<void()> on_change_;
};

/// Makes connections and knows what they hold. Owned by the scene, outlives every socket.
class Network {
 public:
  struct Manners {
    size_t capacity = 4096;        ///< Bytes that one direction of a connection holds.
    bool is_quick = false;         ///< All delays are small.
    unsigned bytewise_one_in = 0;  ///< Connections whose beginnings arrive byte by byte.
  };

  Network(Clock& clock, Chance& chance) : clock_(clock), chance_(chance) {}

  struct Ends {
    std::unique_ptr<Socket> near;
    std::unique_ptr<Socket> far;
  };
  /// `address` is the address of the near end, which is side 0 of the fault.
  [[nodiscard]] Ends connect(const std::string& address, const LinkFault& fault = {});

  void set_manners(const Manners& manners) { manners_ = manners; }
  /// The number of connections with an open end.
  [[nodiscard]] size_t connections() const { return wires_.size(); }
  /// Bytes that were written and not read.
  [[nodiscard]] size_t held_bytes() const;
  /// How many faults have struck, by LinkFault::Kind; a delay as soon as it is connected.
  [[nodiscard]] const std::array<uint64_t, kLinkFaultKinds>& faults() const { return faults_; }

 private:
  friend class Wire;
  [[nodiscard]] uint64_t delay_ms();

  Clock& clock_;
  Chance& chance_;
  Manners manners_;
  std::set<const Wire*> wires_;
  std::array<uint64_t, kLinkFaultKinds> faults_{};
  uint64_t last_cookie_ = 0;
};

}  // namespace daphnis::sim
