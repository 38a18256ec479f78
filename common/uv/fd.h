#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/result.h"

namespace daphnis::uv {

/// Owns a file descriptor; closes it when it goes.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~UniqueFd() { reset(); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] explicit operator bool() const { return fd_ >= 0; }
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }
  void reset();

 private:
  int fd_ = -1;
};

/// SO_COOKIE: the kernel's own number for a socket, the same in every process that holds the
/// socket. 0 where the descriptor is not a socket.
[[nodiscard]] uint64_t socket_cookie(int fd);

/// True for a TCP socket that accepts connections.
[[nodiscard]] bool is_listening(int fd);
/// A second descriptor for the same open file; empty where the process can have no more.
[[nodiscard]] UniqueFd copy_of(int fd);

/// A host and port to listen on or to connect to.
struct Address {
  std::string host;  ///< IPv4 or IPv6 literal, without brackets, or a name.
  uint16_t port = 0;

  /// "host:port", brackets around IPv6.
  [[nodiscard]] std::string text() const;
};

/// Reads "127.0.0.1:80", "[::1]:80", "edge.example.org:80" or ":80" (all addresses, also those of
/// IPv4). listen_tcp() resolves names, except for localhost, which is 127.0.0.1. The supervisor
/// reads addresses the same way (split_address in deploy/lib/proc.sh). Errors: kInvalid.
[[nodiscard]] Result<Address> parse_address(std::string_view text);

/// True where only this machine can reach the address: 127.0.0.0/8 or ::1, as a literal. A name may
/// mean anything.
[[nodiscard]] bool is_loopback(const Address& address);

enum class PortSharing { kExclusive, kShared };

/// A bound, listening, non-blocking TCP socket with SO_REUSEADDR, and SO_REUSEPORT where shared
/// (libuv 1.44 cannot set that itself). Port 0 is refused where shared. Resolving a name may block;
/// its first address is taken. Errors: kInvalid, kSystem.
[[nodiscard]] Result<UniqueFd> listen_tcp(const Address& address, PortSharing sharing, int backlog);

/// The port a socket is bound to.
[[nodiscard]] uint16_t bound_port(int fd);

/// The peer's address without its port ("192.0.2.1", "::1"); empty where there is none. An IPv4
/// peer of a dual-stack socket is given in IPv4 form.
[[nodiscard]] std::string peer_host(int fd);

/// Raises RLIMIT_NOFILE to its hard limit and returns what is in force.
uint64_t raise_descriptor_limit();
/// How many descriptors this process has open.
[[nodiscard]] uint64_t open_descriptors();
/// Resident memory of this process in bytes.
[[nodiscard]] uint64_t resident_bytes();
/// User plus system CPU time of this process in microseconds.
[[nodiscard]] uint64_t cpu_time_us();
/// For how many microseconds the first thread of this process has run, or has been ready and waited
/// for a processor, since it started. 0 where the kernel does not say.
[[nodiscard]] uint64_t busy_time_us();

}  // namespace daphnis::uv
