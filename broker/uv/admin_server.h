#pragma once

#include <absl/container/flat_hash_map.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "broker/admin/admin.h"
#include "common/uv/stream.h"

namespace daphnis::broker::uv {

/// The admin endpoint's listener. A connection serves one request and lasts at most a few seconds.
/// Beyond kAdminConnectionsMax, a new connection displaces the oldest one without a request yet, or
/// else the oldest one with a reply under way, so that slow peers keep nobody out. Owned by the
/// Shell; broker/admin/admin.h makes the replies.
class AdminServer {
 public:
  /// Where replies come from.
  struct Source {
    std::function<AdminReply(const http::Head& head, std::string_view body)> reply;
    /// The next part of a reply; moves the cursor, to 0 at the end.
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
