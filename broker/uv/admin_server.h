#pragma once

#include <absl/container/flat_hash_map.h>

#include <functional>
#include <memory>
#include <string>

#include "common/core/http_parser.h"
#include "common/uv/stream.h"

namespace daphnis::broker {

/// The admin endpoint's listener: one request a connection, at most kAdminConnectionsMax
/// connections, each for at most a few seconds. Owned by the Shell; what is answered comes from
/// broker/core/admin.h.
class AdminServer {
 public:
  using Answer = std::function<std::string(const http::Head&)>;

  /// Errors: kInvalid, kSystem.
  [[nodiscard]] static Result<std::unique_ptr<AdminServer>> create(uv::Loop& loop,
                                                                   const uv::Address& address,
                                                                   Answer answer);
  ~AdminServer();

  [[nodiscard]] uint16_t port() const { return listener_->port(); }

 private:
  struct Connection;

  AdminServer(uv::Loop& loop, Answer answer);
  void on_connection(uv::UvPtr<uv_tcp_t> tcp);
  void on_bytes(Connection& connection, Bytes bytes);

  uv::Loop& loop_;
  Answer answer_;
  std::unique_ptr<uv::TcpListener> listener_;
  uint64_t last_id_ = 0;
  absl::flat_hash_map<uint64_t, std::unique_ptr<Connection>> connections_;
};

}  // namespace daphnis::broker
