#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>

#include "common/base/slice.h"
#include "tests/sim/edge/chance.h"
#include "tests/sim/edge/clock.h"

namespace daphnis::sim {

class Network;
class Wire;

/// One end of an in-memory connection, with the manners of a TCP socket: writes take what fits,
/// bytes arrive late and cut anywhere, closing with bytes unread makes the peer see a reset, and
/// what was on its way then may be lost. It may travel over another socket with the bytes it holds.
/// Closes when it goes. Owned by whoever drives it.
class Socket {
 public:
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  /// Takes the first bytes of `bytes`, as many as there is room for; returns their number.
  size_t write(Bytes bytes);
  /// `passenger` travels with the next byte that is written.
  void attach(std::unique_ptr<Socket> passenger);
  /// Ends our side after what was written.
  void shutdown();
  /// Its end will be a reset.
  void abort() { is_aborted_ = true; }

  /// Moves up to `into.size()` bytes out; returns their number.
  size_t read(std::span<uint8_t> into);
  /// The next socket whose byte has been read; null where there is none.
  [[nodiscard]] std::unique_ptr<Socket> take_passenger();

  [[nodiscard]] size_t readable() const;
  /// The peer ended its side and all of it was read.
  [[nodiscard]] bool has_ended() const;
  [[nodiscard]] bool is_reset() const;
  /// Something would come of a read: bytes, the end, or the reset.
  [[nodiscard]] bool is_ready() const { return readable() > 0 || has_ended() || is_reset(); }
  [[nodiscard]] bool can_write() const;
  /// Bytes written that the peer has not read.
  [[nodiscard]] size_t unread_by_peer() const;

  /// Who is told, in turns of their own, that something came or that there is room again.
  void listen(std::function<void()> on_change) { on_change_ = std::move(on_change); }

  [[nodiscard]] uint64_t cookie() const { return cookie_; }
  /// Of the peer, as this end sees it.
  [[nodiscard]] const std::string& address() const { return address_; }

 private:
  friend class Wire;
  friend class Network;
  Socket(std::shared_ptr<Wire> wire, int side, uint64_t cookie, std::string address);

  std::shared_ptr<Wire> wire_;
  int side_;
  uint64_t cookie_;
  std::string address_;
  bool is_aborted_ = false;
  std::function<void()> on_change_;
};

/// Makes connections and knows what they hold. Owned by the scene, outlives every socket.
class Network {
 public:
  struct Manners {
    size_t capacity = 4096;        ///< Bytes of one direction of one connection.
    bool is_quick = false;         ///< Small delays only.
    unsigned bytewise_one_in = 0;  ///< Connections whose beginnings arrive byte by byte.
  };

  Network(Clock& clock, Chance& chance) : clock_(clock), chance_(chance) {}

  struct Ends {
    std::unique_ptr<Socket> near;
    std::unique_ptr<Socket> far;
  };
  /// `address` is the near end's.
  [[nodiscard]] Ends connect(const std::string& address);

  void set_manners(const Manners& manners) { manners_ = manners; }
  /// Connections of which an end is open.
  [[nodiscard]] size_t connections() const { return wires_.size(); }
  /// Bytes written that no end has read.
  [[nodiscard]] size_t held_bytes() const;

 private:
  friend class Wire;
  [[nodiscard]] uint64_t delay_ms();

  Clock& clock_;
  Chance& chance_;
  Manners manners_;
  std::set<const Wire*> wires_;
  uint64_t last_cookie_ = 0;
};

}  // namespace daphnis::sim
