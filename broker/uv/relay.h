#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/uv/fd.h"
#include "common/uv/loop.h"
#include "common/uv/stream.h"

namespace daphnis::broker::uv {

/// Carries the content of an L2's connection that is not plain TCP to and from a socket that can be
/// handed off like one: one end of a socket pair, of which the relay holds the other. Each
/// direction holds at most kRelayBytesMax that its far side has not taken, and then reads no more.
/// Where one side ends, the other is ended behind what was written, and both are closed once both
/// have ended, at the latest kRelayLingerMs later. Owned by L2Sockets.
class Relay {
 public:
  /// The end of the pair that is given away, and its SO_COOKIE.
  struct GivenEnd {
    daphnis::uv::UniqueFd fd;
    uint64_t cookie = 0;
  };

  /// `l2` is the L2's stream, whose events go to the functions below. `on_over` is the last call,
  /// and may destroy the relay. Errors: kSystem.
  [[nodiscard]] static Result<std::unique_ptr<Relay>> create(
      daphnis::uv::Loop& loop, std::unique_ptr<daphnis::uv::ByteStream> l2,
      std::function<void()> on_over);

  /// Called once.
  [[nodiscard]] GivenEnd take_given_end() { return std::move(given_); }

  void on_l2_bytes(Bytes bytes);
  void on_l2_end(const std::string& why);
  void on_l2_taken();

 private:
  Relay(daphnis::uv::Loop& loop, std::unique_ptr<daphnis::uv::ByteStream> l2,
        std::function<void()> on_over);

  void on_pair_end();
  void end_soon();
  void end_now();

  std::unique_ptr<daphnis::uv::ByteStream> l2_;
  std::unique_ptr<daphnis::uv::Stream> pair_;  ///< Our end of the pair.
  GivenEnd given_;
  std::function<void()> on_over_;
  daphnis::uv::Timer over_;
  bool has_l2_ended_ = false;
  bool has_pair_ended_ = false;
};

}  // namespace daphnis::broker::uv
