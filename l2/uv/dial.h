#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/base/result.h"
#include "common/uv/loop.h"
#include "common/uv/stream.h"
#include "l2/core/l1_url.h"

namespace daphnis::l2 {

/// Resolves an L1's name (each time anew, since addresses change) and connects to the first address
/// that takes the connection. `on_done` gets the handle or the error, once, in a later turn, and
/// may destroy the Dial. Destroying the Dial cancels it without a call. Owned by a link.
class Dial {
 public:
  using OnDone = std::function<void(Result<uv::UvPtr<uv_tcp_t>>)>;

  Dial(uv::Loop& loop, const L1Url& to, OnDone on_done);
  ~Dial();
  Dial(const Dial&) = delete;
  Dial& operator=(const Dial&) = delete;

 private:
  struct Lookup;

  void on_addresses(int status, const addrinfo* found);
  void try_next();
  void finish(Result<uv::UvPtr<uv_tcp_t>> result);

  uv::Loop& loop_;
  L1Url to_;
  OnDone on_done_;
  Lookup* lookup_ = nullptr;            ///< Freed by its callback, which also comes after a cancel.
  std::vector<uv::Address> addresses_;  ///< Addresses still to be tried, the last one first.
  std::unique_ptr<uv::TcpConnector> connector_;
};

}  // namespace daphnis::l2
