#include "broker/uv/admin_server.h"

#include <algorithm>
#include <utility>

#include "common/base/limits.h"

namespace daphnis::broker::uv {
namespace {

/// The time for the request to come, and then for each part of the reply to be read.
constexpr uint64_t kConnectionMs = 10'000;
constexpr size_t kBodyBytesMax = 64 * limits::kKiB;

}  // namespace

/// Lives until the peer closes or the time is over; erasing it from the table ends it.
struct AdminServer::Connection {
  uint64_t id;
  http::Parser parser{http::Parser::Kind::kRequest};
  std::unique_ptr<daphnis::uv::Stream> stream;
  std::unique_ptr<daphnis::uv::Timer> timer;
  size_t bytes_read = 0;
  std::string body;  ///< The request's body.
  bool has_replied = false;
  uint64_t cursor = 0;  ///< The cursor of the reply's next part; 0: none follows.
};

Result<std::unique_ptr<AdminServer>> AdminServer::create(daphnis::uv::Loop& loop,
                                                         const daphnis::uv::Address& address,
                                                         Source source) {
  std::unique_ptr<AdminServer> self(new AdminServer(loop, std::move(source)));
  auto listener = daphnis::uv::TcpListener::create(
      loop, address,
      [raw = self.get()](daphnis::uv::UvPtr<uv_tcp_t> tcp) { raw->on_connection(std::move(tcp)); });
  if (!listener) return std::unexpected(listener.error());
  self->listener_ = std::move(*listener);
  return self;
}

AdminServer::AdminServer(daphnis::uv::Loop& loop, Source source)
    : loop_(loop), source_(std::move(source)) {}
AdminServer::~AdminServer() = default;

void AdminServer::on_connection(daphnis::uv::UvPtr<uv_tcp_t> tcp) {
  if (connections_.size() >= limits::kAdminConnectionsMax) drop_oldest();
  auto made = std::make_unique<Connection>();
  const uint64_t id = made->id = ++last_id_;
  made->stream = std::make_unique<daphnis::uv::Stream>(
      std::move(tcp),
      daphnis::uv::Stream::Events{
          .on_bytes = [this, raw = made.get()](Bytes bytes) { on_bytes(*raw, bytes); },
          .on_end = [this, id](const std::string&) { connections_.erase(id); },
          .on_drained = [this, raw = made.get()] { go_on(*raw); }});
  made->timer = std::make_unique<daphnis::uv::Timer>(loop_, [this, id] { connections_.erase(id); });
  made->timer->start(kConnectionMs);
  made->stream->start();
  connections_.emplace(id, std::move(made));
}

void AdminServer::drop_oldest() {
  const auto oldest = std::ranges::min_element(connections_, {}, [](const auto& entry) {
    return std::pair(entry.second->has_replied, entry.first);
  });
  connections_.erase(oldest);
}

void AdminServer::on_bytes(Connection& connection, Bytes bytes) {
  connection.bytes_read += bytes.size();
  if (connection.bytes_read > kBodyBytesMax) {
    connections_.erase(connection.id);
    return;
  }
  while (!connection.has_replied) {
    const auto step = connection.parser.step(bytes);
    bytes = bytes.subspan(step.consumed);
    switch (step.event) {
      case http::Parser::Event::kNeedMore:
        return;
      case http::Parser::Event::kHead:
        break;
      case http::Parser::Event::kBody:
        connection.body.append(as_text(step.body));
        break;
      case http::Parser::Event::kEnd:
        reply(connection);
        break;
      case http::Parser::Event::kRefused:
        connection.has_replied = true;
        connection.stream->write(admin_refusal(connection.parser.refusal()));
        connection.stream->shutdown();
    }
  }
}

void AdminServer::reply(Connection& connection) {
  connection.has_replied = true;
  AdminReply said = source_.reply(connection.parser.head(), connection.body);
  connection.cursor = said.cursor;
  connection.stream->write(std::move(said.text));
  if (connection.cursor == 0) connection.stream->shutdown();
}

/// Writes the next part of a long reply once the part before has gone out.
void AdminServer::go_on(Connection& connection) {
  if (connection.cursor == 0) return;
  connection.timer->start(kConnectionMs);
  connection.stream->write(source_.more(connection.cursor));
  if (connection.cursor == 0) connection.stream->shutdown();
}

}  // namespace daphnis::broker::uv
