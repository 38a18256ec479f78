#include "tests/sim/edge/network.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <utility>

namespace daphnis::sim {
namespace {

/// Bytes at the beginning of a direction that may arrive one by one: more than any head has.
constexpr uint64_t kBytewiseMax = 700;
/// Bytes that one direction of a connection with a long delay holds at least: a line that held less
/// would be so slow that no transfer on it ever ends.
constexpr size_t kLongLineBytes = size_t{64} * 1024;

struct Passenger {
  uint64_t offset;  ///< The offset of the byte that it travels with.
  std::unique_ptr<Socket> socket;
};

}  // namespace

/// Both directions of a connection. Lives as long as either of its ends.
class Wire : public std::enable_shared_from_this<Wire> {
 public:
  Wire(Network& network, const LinkFault& fault)
      : network_(network),
        fault_(fault),
        lanes_{Lane(*this, 0, network), Lane(*this, 1, network)},
        is_fault_due_(fault.strikes()) {
    network_.wires_.insert(this);
    if (fault_.kind != LinkFault::Kind::kDelay) return;
    ++network_.faults_[static_cast<size_t>(fault_.kind)];
    for (Lane& lane : lanes_) lane.capacity = std::max(lane.capacity, kLongLineBytes);
  }
  ~Wire() { network_.wires_.erase(this); }

  /// One direction.
  struct Lane {
    Lane(Wire& wire, int number, Network& network)
        : delivery(network.clock_, [&wire, number] { wire.deliver(number); }),
          space(network.clock_, [&wire, number] { wire.tell_space(number); }),
          bytewise(network.chance_.one_in(network.manners_.bytewise_one_in) ? kBytewiseMax : 0),
          capacity(network.manners_.capacity) {}

    [[nodiscard]] size_t held() const { return travelling.size() + arrived.size(); }
    [[nodiscard]] bool has_more() const {
      if (!travelling.empty()) return true;
      return is_cut ? !has_cut_arrived : is_ended && !has_end_arrived;
    }

    Socket* writer = nullptr;
    Socket* reader = nullptr;
    Alarm delivery;
    Alarm space;
    std::string travelling;
    std::string arrived;
    std::deque<Passenger> passengers;
    uint64_t written = 0;
    uint64_t delivered = 0;
    uint64_t read = 0;
    uint64_t bytewise;
    size_t capacity;
    bool is_ended = false;
    bool has_end_arrived = false;
    bool is_cut = false;
    bool has_cut_arrived = false;
    bool is_writer_blocked = false;
    bool loses_all = false;  ///< What is written from now on is lost, and its writer is not told.
  };

  [[nodiscard]] Lane& in(const Socket& end) { return lanes_[1 - end.side_]; }
  [[nodiscard]] Lane& out(const Socket& end) { return lanes_[end.side_]; }

  void move_on(Lane& lane) {
    if (lane.delivery.is_set() || !lane.has_more()) return;
    const uint64_t longer_ms = fault_.kind == LinkFault::Kind::kDelay ? fault_.ms : 0;
    lane.delivery.after(network_.delay_ms() + longer_ms);
  }
  void tell_space_later(Lane& lane) {
    if (std::exchange(lane.is_writer_blocked, false)) lane.space.after(network_.chance_.below(3));
  }
  void close(Socket& end);
  [[nodiscard]] size_t held() const { return lanes_[0].held() + lanes_[1].held(); }

 private:
  void deliver(int number);
  void tell_space(int number);
  void cut(Lane& lane);
  void strike();
  static void tell(Socket* end);

  Network& network_;
  LinkFault fault_;
  Lane lanes_[2];      ///< Indexed by the side that writes.
  bool is_fault_due_;  ///< The fault has not struck.
  uint64_t clogged_until_ms_ = 0;
};

void Wire::tell(Socket* end) {
  if (!end || !end->on_change_) return;
  const std::function<void()> call = end->on_change_;  // The call may destroy or pass on the end.
  call();
}

void Wire::tell_space(int number) {
  const std::shared_ptr<Wire> alive = shared_from_this();
  tell(lanes_[number].writer);
}

/// Lets a reset arrive in this direction, after a part of the bytes that are on their way.
void Wire::cut(Lane& lane) {
  if (lane.is_cut) return;
  lane.is_cut = true;
  lane.travelling.resize(network_.chance_.below(lane.travelling.size() + 1));
}

/// Lets the fault happen, before the next byte of its direction arrives.
void Wire::strike() {
  is_fault_due_ = false;
  ++network_.faults_[static_cast<size_t>(fault_.kind)];
  Lane& lane = lanes_[fault_.side];
  switch (fault_.kind) {
    case LinkFault::Kind::kLoss:
      for (Lane& each : lanes_) {
        cut(each);
        each.loses_all = true;
        tell_space_later(each);
        move_on(each);
      }
      break;
    case LinkFault::Kind::kClog:
      clogged_until_ms_ = network_.clock_.now_ms() + fault_.ms;
      break;
    case LinkFault::Kind::kHalfClose:
      lane.travelling.clear();
      lane.is_ended = lane.loses_all = true;
      tell_space_later(lane);
      break;
    case LinkFault::Kind::kCorruption:
      lane.travelling[0] ^= static_cast<char>(1U << network_.chance_.below(8));
      break;
    case LinkFault::Kind::kNone:
    case LinkFault::Kind::kDelay:
      break;
  }
}

void Wire::deliver(int number) {
  const std::shared_ptr<Wire> alive = shared_from_this();
  Lane& lane = lanes_[number];
  if (network_.clock_.now_ms() < clogged_until_ms_) return lane.delivery.at(clogged_until_ms_);
  Lane& back = lanes_[1 - number];
  Chance& chance = network_.chance_;
  if (!lane.reader) {  // There is no reader any more; a kernel replies with a reset.
    const bool has_bytes = !std::exchange(lane.travelling, {}).empty();
    if (!has_bytes || !lane.writer) return;
    cut(back);
    return move_on(back);
  }
  const bool may_strike = is_fault_due_ && fault_.side == number && !lane.travelling.empty();
  if (may_strike && lane.delivered == fault_.at) {
    strike();
    return move_on(lane);
  }
  if (!lane.travelling.empty()) {
    size_t size = lane.travelling.size();
    if (lane.delivered < lane.bytewise) {
      size = 1;
    } else if (chance.one_in(2)) {
      size = chance.between(1, chance.one_in(3) ? std::min<size_t>(size, 24) : size);
    }
    if (may_strike) size = std::min<size_t>(size, fault_.at - lane.delivered);
    lane.arrived.append(lane.travelling, 0, size);
    lane.travelling.erase(0, size);
    lane.delivered += size;
  } else if (lane.is_cut) {
    lane.has_cut_arrived = true;
    if (chance.one_in(2)) lane.arrived.clear();
    back.travelling.clear();
  } else {
    lane.has_end_arrived = lane.is_ended;
  }
  move_on(lane);
  tell(lane.reader);
}

void Wire::close(Socket& end) {
  Lane& lane_in = in(end);
  Lane& lane_out = out(end);
  const bool leaves_bytes = !lane_in.arrived.empty();
  lane_in.reader = nullptr;
  lane_out.writer = nullptr;
  lane_in.arrived.clear();
  // A passenger's end closes other connections, never this one.
  const std::deque<Passenger> lost = std::move(lane_in.passengers);
  lane_in.passengers.clear();
  tell_space_later(lane_in);  // The writer finds out then that the reader is gone.
  if (!lane_out.reader) return;
  if (end.resets_on_close_ || leaves_bytes) {
    cut(lane_out);
  } else {
    lane_out.is_ended = true;
  }
  move_on(lane_out);
}

Socket::Socket(std::shared_ptr<Wire> wire, int side, uint64_t cookie, std::string address)
    : wire_(std::move(wire)), side_(side), cookie_(cookie), address_(std::move(address)) {
  wire_->out(*this).writer = this;
  wire_->in(*this).reader = this;
}

Socket::~Socket() {
  wire_->close(*this);
}

size_t Socket::write(Bytes bytes) {
  Wire::Lane& lane = wire_->out(*this);
  if (lane.loses_all && !is_reset()) return bytes.size();
  if (is_reset() || lane.is_ended) return 0;
  const size_t size = std::min(bytes.size(), lane.capacity - std::min(lane.capacity, lane.held()));
  lane.travelling.append(as_text(bytes.first(size)));
  lane.written += size;
  // Also where the last byte fits just so: the writer may have more, and wait until it can write.
  if (lane.held() >= lane.capacity) lane.is_writer_blocked = true;
  wire_->move_on(lane);
  return size;
}

void Socket::attach(std::unique_ptr<Socket> passenger) {
  Wire::Lane& lane = wire_->out(*this);
  passenger->listen(nullptr);
  lane.passengers.push_back({lane.written, std::move(passenger)});
}

std::unique_ptr<Socket> Socket::take_passenger() {
  Wire::Lane& lane = wire_->in(*this);
  if (lane.passengers.empty() || lane.passengers.front().offset >= lane.read) return nullptr;
  std::unique_ptr<Socket> socket = std::move(lane.passengers.front().socket);
  lane.passengers.pop_front();
  return socket;
}

void Socket::shutdown() {
  Wire::Lane& lane = wire_->out(*this);
  lane.is_ended = true;
  wire_->move_on(lane);
}

size_t Socket::read(std::span<uint8_t> into) {
  Wire::Lane& lane = wire_->in(*this);
  const size_t size = std::min(into.size(), lane.arrived.size());
  std::memcpy(into.data(), lane.arrived.data(), size);
  lane.arrived.erase(0, size);
  lane.read += size;
  if (size > 0) wire_->tell_space_later(lane);
  return size;
}

size_t Socket::readable() const {
  return wire_->in(*this).arrived.size();
}
bool Socket::has_ended() const {
  const Wire::Lane& lane = wire_->in(*this);
  return lane.has_end_arrived && lane.arrived.empty();
}
bool Socket::is_reset() const {
  return wire_->in(*this).has_cut_arrived;
}
bool Socket::can_write() const {
  const Wire::Lane& lane = wire_->out(*this);
  return is_reset() || lane.held() < lane.capacity;
}
size_t Socket::unread_by_peer() const {
  return wire_->out(*this).held();
}

Network::Ends Network::connect(const std::string& address, const LinkFault& fault) {
  const auto wire = std::make_shared<Wire>(*this, fault);
  const uint64_t cookie = last_cookie_ += 2;
  return {.near = std::unique_ptr<Socket>(new Socket(wire, 0, cookie - 1, "l1")),
          .far = std::unique_ptr<Socket>(new Socket(wire, 1, cookie, address))};
}

size_t Network::held_bytes() const {
  size_t sum = 0;
  for (const Wire* wire : wires_) sum += wire->held();
  return sum;
}

uint64_t Network::delay_ms() {
  if (manners_.is_quick || !chance_.one_in(4)) return chance_.below(4);
  return chance_.below(chance_.one_in(6) ? 400 : 40);
}

}  // namespace daphnis::sim
