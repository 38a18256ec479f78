#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "common/base/ip_address.h"
#include "common/base/slice.h"

namespace daphnis::peer {

/// The longest header of version 1, line end included.
inline constexpr size_t kProxyLineBytesMax = 107;
/// What may follow the addresses of a header of version 2 (certificates, ids of a cloud's links).
inline constexpr size_t kProxyTlvBytesMax = 4'096;

/// Reads the header that a proxy puts before the first byte of a connection to say who connected
/// to it: the PROXY protocol, versions 1 and 2 (proxy-protocol.txt of HAProxy, 2.1 and 2.2). Fed
/// bytes of any split; takes the header's own and none behind them. The destination and what
/// follows the addresses are read and not kept. Holds at most kProxyLineBytesMax.
class ProxyHeader {
 public:
  enum class State : uint8_t {
    kNeedMore,
    kDone,     ///< source() is known.
    kRefused,  ///< It is no such header, or too long; problem() says why.
  };

  /// Returns how many of the offered bytes belong to the header: all while kNeedMore.
  size_t feed(Bytes offered);

  [[nodiscard]] State state() const { return state_; }
  /// After kDone: the address that the proxy names. Nothing where it names none that means
  /// anything here (UNKNOWN, LOCAL, or not of IP): that of the socket stands.
  [[nodiscard]] std::optional<IpAddress> source() const { return source_; }
  /// After kRefused: a sentence for the log.
  [[nodiscard]] std::string_view problem() const { return problem_; }

 private:
  void take(uint8_t byte);
  void take_line(uint8_t byte);
  void take_binary(uint8_t byte);
  void read_line(std::string_view line);
  void read_fixed();
  void read_source();
  void begin_skipping(size_t bytes);
  void refuse(std::string_view problem);

  std::array<uint8_t, kProxyLineBytesMax> held_{};
  size_t size_ = 0;           ///< Bytes of held_ that are filled.
  size_t address_bytes_ = 0;  ///< Version 2: bytes of the addresses that are read.
  size_t rest_bytes_ = 0;     ///< Version 2: bytes behind those.
  size_t skip_bytes_ = 0;     ///< Bytes that are still to be passed over.
  State state_ = State::kNeedMore;
  std::optional<IpAddress> source_;
  std::string_view problem_;
};

}  // namespace daphnis::peer
