#include "broker/uv/admin_server.h"

#include <utility>

#include "broker/core/admin.h"
#include "common/core/limits.h"

namespace daphnis::broker {
namespace {

/// For the request to come and the answer to be read.
constexpr uint64_t kConnectionMs = 10'000;
constexpr size_t kBodyBytesMax = 64 * limits::kKiB;

}  // namespace

/// Lives until the peer closes or its time is over; ended by erasing it from the table.
struct AdminServer::Connection {
  uint64_t id;
  http::Parser parser{http::Parser::Kind::kRequest};
  std::unique_ptr<uv::Stream> stream;
  std::unique_ptr<uv::Timer> timer;
  size_t bytes_read = 0;
  bool is_answered = false;
};

Result<std::unique_ptr<AdminServer>> AdminServer::create(uv::Loop& loop, const uv::Address& address,
                                                         Answer answer) {
  std::unique_ptr<AdminServer> self(new AdminServer(loop, std::move(answer)));
  auto listener = uv::TcpListener::create(
      loop, address,
      [raw = self.get()](uv::UvPtr<uv_tcp_t> tcp) { raw->on_connection(std::move(tcp)); });
  if (!listener) return std::unexpected(listener.error());
  self->listener_ = std::move(*listener);
  return self;
}

AdminServer::AdminServer(uv::Loop& loop, Answer answer) : loop_(loop), answer_(std::move(answer)) {}
AdminServer::~AdminServer() = default;

void AdminServer::on_connection(uv::UvPtr<uv_tcp_t> tcp) {
  if (connections_.size() >= limits::kAdminConnectionsMax) return;
  auto made = std::make_unique<Connection>();
  const uint64_t id = made->id = ++last_id_;
  made->stream = std::make_unique<uv::Stream>(
      std::move(tcp),
      uv::Stream::Events{
          .on_bytes = [this, raw = made.get()](Bytes bytes) { on_bytes(*raw, bytes); },
          .on_end = [this, id](const std::string&) { connections_.erase(id); }});
  made->timer = std::make_unique<uv::Timer>(loop_, [this, id] { connections_.erase(id); });
  made->timer->start(kConnectionMs);
  made->stream->start();
  connections_.emplace(id, std::move(made));
}

void AdminServer::on_bytes(Connection& connection, Bytes bytes) {
  connection.bytes_read += bytes.size();
  if (connection.bytes_read > kBodyBytesMax) {
    connections_.erase(connection.id);
    return;
  }
  if (connection.is_answered) return;
  const auto step = connection.parser.step(bytes);
  if (step.event == http::Parser::Event::kNeedMore) return;
  connection.is_answered = true;
  connection.stream->write(step.event == http::Parser::Event::kHead
                               ? answer_(connection.parser.head())
                               : admin_refusal(connection.parser.refusal()));
  connection.stream->shutdown();
}

}  // namespace daphnis::broker
