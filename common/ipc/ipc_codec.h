#pragma once

#include <vector>

#include "common/base/result.h"
#include "common/base/slice.h"
#include "common/ipc/ipc_messages.h"

namespace daphnis::ipc {

/// A frame on the wire: length of the payload (u32, little endian), flags (u8; bit 0: a descriptor
/// travels with this frame), payload. The payload is the message's number (u8), then those of its
/// fields that the version has: integers little endian, byte strings with a u32 length.
inline constexpr size_t kFrameHeadBytes = 5;

enum class Carries : uint8_t { kNothing = 0, kDescriptor = 1 };

/// Turns the messages of one connection into frames and back, in the version that the broker's
/// Welcome names, and before that in the oldest one. Owned by the channel's owner at either end.
class Codec {
 public:
  Codec() = default;
  /// A codec of a connection whose Welcome named that version.
  explicit Codec(uint16_t version) : version_(version) {}

  /// True where the connection's version has the message; no other may be encoded.
  [[nodiscard]] bool has(const WorkerToBroker& message) const;
  [[nodiscard]] bool has(const BrokerToWorker& message) const;

  /// The message as one whole frame. Where the version lacks a value of an enumeration, the value
  /// goes that its declaration names for that version.
  [[nodiscard]] std::vector<uint8_t> encode(const WorkerToBroker& message, Carries carries) const;
  [[nodiscard]] std::vector<uint8_t> encode(const BrokerToWorker& message, Carries carries);

  /// Reads the message in a payload. Errors: kMalformed for a number that the version lacks, a
  /// value out of its range, and bytes that are missing or left over. A peer that sends a malformed
  /// message is disconnected.
  [[nodiscard]] Result<WorkerToBroker> decode_worker_to_broker(Bytes payload) const;
  [[nodiscard]] Result<BrokerToWorker> decode_broker_to_worker(Bytes payload);

 private:
  void note(const BrokerToWorker& message);

  uint16_t version_ = kVersionMin;
};

/// Cuts a byte stream into frames. Sans-I/O; owned by a channel. Holds at most one frame
/// (kIpcFrameBytesMax) and the bytes that came with it in one read.
class FrameReader {
 public:
  struct Frame {
    Bytes payload;  ///< Valid until the next call.
    bool has_descriptor = false;
  };
  enum class Event { kNeedMore, kFrame, kMalformed };

  void append(Bytes bytes);
  /// Sets `frame` to the next whole frame where there is one (kFrame).
  [[nodiscard]] Event next(Frame& frame);
  /// True when no part of a frame is held.
  [[nodiscard]] bool is_empty() const { return at_ == held_.size(); }

 private:
  std::vector<uint8_t> held_;
  size_t at_ = 0;
};

}  // namespace daphnis::ipc
