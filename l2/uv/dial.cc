#include "l2/uv/dial.h"

#include <arpa/inet.h>
#include <netdb.h>

#include <algorithm>
#include <array>

#include "common/base/check.h"

namespace daphnis::l2 {
namespace {

/// The most addresses of one name that are tried.
constexpr size_t kAddressesMax = 4;

}  // namespace

struct Dial::Lookup {
  uv_getaddrinfo_t request{};
  Dial* owner = nullptr;
};

Dial::Dial(uv::Loop& loop, const L1Url& to, OnDone on_done)
    : loop_(loop), to_(to), on_done_(std::move(on_done)) {
  std::array<uint8_t, sizeof(in6_addr)> parsed;
  const int family = to.host.find(':') == std::string::npos ? AF_INET : AF_INET6;
  if (inet_pton(family, to.host.c_str(), parsed.data()) == 1) {
    addresses_.push_back({to.host, to.port});
    try_next();
    return;
  }
  lookup_ = new Lookup{};
  lookup_->owner = this;
  lookup_->request.data = lookup_;
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_ADDRCONFIG;
  const int error = uv_getaddrinfo(
      loop.raw(), &lookup_->request,
      [](uv_getaddrinfo_t* request, int status, addrinfo* found) noexcept {
        const std::unique_ptr<Lookup> done(static_cast<Lookup*>(request->data));
        if (done->owner) done->owner->on_addresses(status, found);
        uv_freeaddrinfo(found);
      },
      to.host.c_str(), nullptr, &wanted);
  check(error == 0, "uv_getaddrinfo refused its arguments");
}

Dial::~Dial() {
  if (!lookup_) return;
  lookup_->owner = nullptr;
  uv_cancel(
      reinterpret_cast<uv_req_t*>(&lookup_->request));  // Fails where the lookup runs already.
}

void Dial::on_addresses(int status, const addrinfo* found) {
  lookup_ = nullptr;
  for (; found && addresses_.size() < kAddressesMax; found = found->ai_next) {
    std::array<char, NI_MAXHOST> host;
    if (getnameinfo(found->ai_addr, found->ai_addrlen, host.data(), host.size(), nullptr, 0,
                    NI_NUMERICHOST) == 0) {
      addresses_.push_back({host.data(), to_.port});
    }
  }
  if (addresses_.empty()) {
    const char* why = status == 0 ? "it has no address" : uv_strerror(status);
    return finish(fail(Errc::kNotFound, "cannot resolve " + to_.host + ": " + why));
  }
  std::ranges::reverse(addresses_);
  try_next();
}

void Dial::try_next() {
  const uv::Address address = std::move(addresses_.back());
  addresses_.pop_back();
  connector_ = std::make_unique<uv::TcpConnector>(loop_, address,
                                                  [this](Result<uv::UvPtr<uv_tcp_t>> result) {
                                                    if (!result && !addresses_.empty())
                                                      return try_next();
                                                    finish(std::move(result));
                                                  });
}

void Dial::finish(Result<uv::UvPtr<uv_tcp_t>> result) {
  const OnDone on_done = std::move(on_done_);
  on_done(std::move(result));  // The call may destroy this Dial.
}

}  // namespace daphnis::l2
