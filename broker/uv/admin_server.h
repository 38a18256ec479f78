#pragma once

#include <absl/container/flat_hash_map.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "broker/admin/admin.h"
#include "common/uv/stream.h"

namespace daphnis::broker::uv {

/// The admin endpoint's listener: one request a connection, at most kAdminConnectionsMax
/// connections, each for at most a few seconds. A new one takes the place of the oldest that has
/// not asked yet, or else of the oldest that is being answered: nobody keeps others out. Owned by
/// the Shell; what is answered comes from broker/admin/admin.h.
class AdminServer {
 public:
  struct Source {
    std::function<AdminReply(const http::Head& head, std::string_view body)> reply;
    /// What follows the answer's text; moves the cursor, to 0 at the end.
    std::function<std::string(uint64_t& cursor)> more;
  };

  /// Errors: kInvalid, kSystem.
  [[nodiscard]] static Result<std::unique_ptr<AdminServer>> create(
      daphnis::uv::Loop& loop, const daphnis::uv::Address& address, Source source);
  ~AdminServer();

  [[nodiscard]] uint16_t port() const { return listener_->port(); }

 private:
  struct Connection;

  AdminServer(daphnis::uv::Loop& loop, Source source);
  void on_connection(daphnis::uv::UvPtr<uv_tcp_t> tcp);
  void drop_oldest();
  void on_bytes(Connection& connection, Bytes bytes);
  void reply(Connection& connection);
  void go_on(Connection& connection);

  daphnis::uv::Loop& loop_;
  Source source_;
  std::unique_ptr<daphnis::uv::TcpListener> listener_;
  uint64_t last_id_ = 0;
  absl::flat_hash_map<uint64_t, std::unique_ptr<Connection>> connections_;
};

}  // namespace daphnis::broker::uv
