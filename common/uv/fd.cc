#include "common/uv/fd.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>

namespace daphnis::uv {
namespace {

union SocketAddress {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

/// Fills `out` and returns its length; 0 where the host is not a literal address.
socklen_t to_sockaddr(const Address& address, SocketAddress& out) {
  std::memset(&out, 0, sizeof out);
  if (inet_pton(AF_INET, address.host.c_str(), &out.v4.sin_addr) == 1) {
    out.v4.sin_family = AF_INET;
    out.v4.sin_port = htons(address.port);
    return sizeof out.v4;
  }
  if (inet_pton(AF_INET6, address.host.c_str(), &out.v6.sin6_addr) == 1) {
    out.v6.sin6_family = AF_INET6;
    out.v6.sin6_port = htons(address.port);
    return sizeof out.v6;
  }
  return 0;
}

/// True for host names (RFC 1123, 2.1): letters, digits, hyphens and dots. The last label must not
/// consist of digits alone, so that no broken IPv4 address is taken for a name.
bool is_host_name(const std::string& host) {
  constexpr size_t kNameMax = 253;
  const auto is_of_names = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.';
  };
  const std::string last = host.substr(host.rfind('.') + 1);
  return host.size() <= kNameMax && std::ranges::all_of(host, is_of_names) && !last.empty() &&
         last.find_first_not_of("0123456789") != std::string::npos;
}

/// The first address of a host name, as text.
Result<std::string> resolve(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int status = getaddrinfo(host.c_str(), nullptr, &hints, &found); status != 0) {
    return fail(Errc::kSystem, "cannot resolve " + host + ": " + gai_strerror(status));
  }
  char text[NI_MAXHOST] = "";
  getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
  freeaddrinfo(found);
  return std::string(text);
}

}  // namespace

void UniqueFd::reset() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

uint64_t socket_cookie(int fd) {
  uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) != 0) return 0;
  return cookie;
}

bool is_listening(int fd) {
  int value = 0;
  socklen_t size = sizeof value;
  return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) == 0 && value != 0;
}

UniqueFd copy_of(int fd) {
  return UniqueFd(fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

std::string Address::text() const {
  const bool is_v6 = host.find(':') != std::string::npos;
  return (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

bool is_loopback(const Address& address) {
  SocketAddress literal;
  if (to_sockaddr(address, literal) == 0) return false;
  if (literal.any.sa_family == AF_INET) return ntohl(literal.v4.sin_addr.s_addr) >> 24 == 127;
  const in6_addr& v6 = literal.v6.sin6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&v6)) return v6.s6_addr[12] == 127;
  return IN6_IS_ADDR_LOOPBACK(&v6);
}

Result<Address> parse_address(std::string_view text) {
  const auto refuse = [&] {
    return fail(Errc::kInvalid, "not an address: \"" + std::string(text) +
                                    "\"; write HOST:PORT, as in 127.0.0.1:8080, [::1]:8080, "
                                    "edge.example.org:8080 or :8080");
  };
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return refuse();
  std::string_view host = text.substr(0, colon);
  const std::string_view port_text = text.substr(colon + 1);
  Address out;
  const auto [end, error] =
      std::from_chars(port_text.data(), port_text.data() + port_text.size(), out.port);
  if (error != std::errc{} || end != port_text.data() + port_text.size()) return refuse();
  const bool is_bracketed = host.starts_with('[') && host.ends_with(']');
  if (is_bracketed) host = host.substr(1, host.size() - 2);
  out.host = host.empty() ? "::" : host == "localhost" ? "127.0.0.1" : std::string(host);
  if (host.empty()) return is_bracketed ? refuse() : Result<Address>(out);
  SocketAddress literal;
  const bool is_literal = to_sockaddr(out, literal) != 0;
  const bool is_v6 = is_literal && literal.any.sa_family == AF_INET6;
  if (is_bracketed != is_v6 || (!is_literal && !is_host_name(out.host))) return refuse();
  return out;
}

Result<UniqueFd> listen_tcp(const Address& address, PortSharing sharing, int backlog) {
  const bool is_shared = sharing == PortSharing::kShared;
  if (is_shared && address.port == 0) {
    return fail(Errc::kInvalid, "a shared port must be given, never 0");
  }
  SocketAddress to;
  socklen_t size = to_sockaddr(address, to);
  if (size == 0) {
    const auto resolved = resolve(address.host);
    if (!resolved) return std::unexpected(resolved.error());
    size = to_sockaddr({*resolved, address.port}, to);
  }
  UniqueFd fd(::socket(to.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd && errno == EAFNOSUPPORT && address.host == "::") {
    return listen_tcp({"0.0.0.0", address.port}, sharing, backlog);  // A kernel without IPv6.
  }
  if (!fd) return fail_sys(errno, "no socket");
  const int on = 1;
  const int off = 0;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (is_shared) setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (to.any.sa_family == AF_INET6) {
    setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  }
  if (::bind(fd.get(), &to.any, size) != 0) {
    return fail_sys(errno, "cannot bind " + address.text() + " (is another process using it?)");
  }
  if (::listen(fd.get(), backlog) != 0)
    return fail_sys(errno, "cannot listen on " + address.text());
  return fd;
}

uint16_t bound_port(int fd) {
  SocketAddress at;
  socklen_t size = sizeof at;
  if (getsockname(fd, &at.any, &size) != 0) return 0;
  return ntohs(at.any.sa_family == AF_INET6 ? at.v6.sin6_port : at.v4.sin_port);
}

std::string peer_host(int fd) {
  SocketAddress peer;
  socklen_t size = sizeof peer;
  if (getpeername(fd, &peer.any, &size) != 0) return {};
  char text[INET6_ADDRSTRLEN] = "";
  if (peer.any.sa_family == AF_INET) {
    inet_ntop(AF_INET, &peer.v4.sin_addr, text, sizeof text);
  } else if (peer.any.sa_family == AF_INET6) {
    if (IN6_IS_ADDR_V4MAPPED(&peer.v6.sin6_addr)) {
      inet_ntop(AF_INET, &peer.v6.sin6_addr.s6_addr[12], text, sizeof text);
    } else {
      inet_ntop(AF_INET6, &peer.v6.sin6_addr, text, sizeof text);
    }
  }
  return text;
}

namespace {

/// The two numbers that such a file begins with; zeros where it cannot be had.
std::array<uint64_t, 2> first_two(const char* path) {
  std::FILE* file = std::fopen(path, "re");
  if (!file) return {};
  unsigned long first = 0;
  unsigned long second = 0;
  const int read = std::fscanf(file, "%lu %lu", &first, &second);
  std::fclose(file);
  return read == 2 ? std::array<uint64_t, 2>{first, second} : std::array<uint64_t, 2>{};
}

}  // namespace

uint64_t raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

uint64_t open_descriptors() {
  DIR* dir = opendir("/proc/self/fd");
  if (!dir) return 0;
  uint64_t count = 0;
  while (const dirent* entry = readdir(dir)) count += entry->d_name[0] != '.' ? 1 : 0;
  closedir(dir);
  return count - 1;  // The directory's own descriptor.
}

uint64_t resident_bytes() {
  const auto pages = first_two("/proc/self/statm");  // All, and those that are resident.
  return pages[1] * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

uint64_t cpu_time_us() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto us = [](const timeval& time) {
    return static_cast<uint64_t>(time.tv_sec) * 1'000'000 + static_cast<uint64_t>(time.tv_usec);
  };
  return us(usage.ru_utime) + us(usage.ru_stime);
}

uint64_t busy_time_us() {
  const auto ns = first_two("/proc/self/schedstat");  // Having run, and having waited.
  constexpr uint64_t kNsPerUs = 1'000;
  return (ns[0] + ns[1]) / kNsPerUs;
}

}  // namespace daphnis::uv
