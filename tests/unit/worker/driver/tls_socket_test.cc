#include "worker/driver/tls_socket.h"

#include <catch2/catch.hpp>
#include <cerrno>
#include <memory>
#include <string>

#include "common/tls/context.h"
#include "tests/fakes/certificates.h"
#include "tests/unit/worker/driver/fake_socket.h"

namespace daphnis::worker::test {
namespace {

/// A client in memory, at the far end of a FakeSocket.
class Client final : public tls::Wire {
 public:
  Client(test::Wire& wire, const daphnis::test::TestCa& ca) : wire_(wire) {
    auto context = tls::client_context({.ca = ca.certificate(), .ca_name = "ca.pem"});
    REQUIRE(context);
    session_ = tls::Session::connect(*context, "edge.test");
  }

  [[nodiscard]] tls::Session::Handshake shake() { return session_->handshake(*this); }
  void send(std::string_view text) {
    const Bytes view = as_bytes(text);
    REQUIRE(session_->write(*this, {&view, 1}, false).bytes == text.size());
  }
  void end() { session_->end(*this); }
  /// All content that has come; empty at the end.
  std::string receive() {
    std::string all;
    std::string piece(5'000, '\0');
    while (true) {
      const auto moved =
          session_->read(*this, {reinterpret_cast<uint8_t*>(piece.data()), piece.size()});
      has_ended |= moved.outcome == tls::Moved::Outcome::kEnd;
      if (moved.outcome != tls::Moved::Outcome::kBytes) return all;
      all.append(piece, 0, moved.bytes);
    }
  }
  bool has_ended = false;

 private:
  [[nodiscard]] tls::Moved read(std::span<uint8_t> out) override {
    const size_t size = wire_.received.copy(reinterpret_cast<char*>(out.data()), out.size());
    wire_.received.erase(0, size);
    if (size == 0) return {};
    return {.outcome = tls::Moved::Outcome::kBytes, .bytes = size};
  }
  [[nodiscard]] tls::Moved write(Bytes bytes, bool) override {
    wire_.unread.emplace_back(as_text(bytes));
    return {.outcome = tls::Moved::Outcome::kBytes, .bytes = bytes.size()};
  }

  test::Wire& wire_;
  std::unique_ptr<tls::Session> session_;
};

/// The server's wire in the handshake: the fake socket itself.
class SocketWire final : public tls::Wire {
 public:
  explicit SocketWire(FakeSocket& socket) : socket_(socket) {}
  [[nodiscard]] tls::Moved read(std::span<uint8_t> out) override {
    const SocketRead read = socket_.read(out, {});
    if (read.outcome != SocketRead::Outcome::kBytes) return {};
    return {.outcome = tls::Moved::Outcome::kBytes, .bytes = read.bytes};
  }
  [[nodiscard]] tls::Moved write(Bytes bytes, bool) override {
    return {.outcome = tls::Moved::Outcome::kBytes,
            .bytes = socket_.write({&bytes, 1}, false).bytes};
  }

 private:
  FakeSocket& socket_;
};

struct User final : SocketUser {
  void on_ready(Readiness now, uint64_t) override {
    ++calls;
    ready = now;
  }
  void on_file_warm(uint64_t) override { ++warmed; }
  int calls = 0;
  int warmed = 0;
  Readiness ready;
};

/// A socket with TLS whose handshake is done, and its client.
struct Line {
  Line() : client(wire, ca) {
    auto context = tls::server_context({.certificates = {ca.issue({"edge.test"})}});
    REQUIRE(context);
    auto below = std::make_unique<FakeSocket>(wire);
    SocketWire raw(*below);
    auto session = tls::Session::accept(*context);
    auto of_server = tls::Session::Handshake::kWantsRead;
    for (int i = 0; i < 10 && of_server != tls::Session::Handshake::kDone; ++i) {
      static_cast<void>(client.shake());
      of_server = session->handshake(raw);
    }
    REQUIRE(of_server == tls::Session::Handshake::kDone);
    socket = std::make_unique<TlsSocket>(std::move(below), std::move(session));
    socket->start(user);
    client.receive();  // Tickets.
  }
  SocketRead read(std::string& into) {
    return socket->read({reinterpret_cast<uint8_t*>(into.data()), into.size()}, {});
  }
  SocketWritten write(std::string_view text) {
    const Bytes view = as_bytes(text);
    return socket->write({&view, 1}, false);
  }

  daphnis::test::TestCa ca;
  Wire wire;
  Client client;
  User user;
  std::unique_ptr<TlsSocket> socket;
};

}  // namespace

TEST_CASE("content is read and written through the records below", "[worker][tls]") {
  Line line;
  line.client.send("question");
  std::string into(100, '\0');
  CHECK(line.read(into).bytes == 8);
  CHECK(into.substr(0, 8) == "question");
  CHECK(line.read(into).outcome == SocketRead::Outcome::kNothing);
  CHECK(line.write("answer").bytes == 6);
  CHECK(line.client.receive() == "answer");
}

TEST_CASE("content that has been read already makes the socket ready", "[worker][tls]") {
  Line line;
  line.client.send(std::string(10, 'x'));
  std::string into(4, '\0');
  CHECK(line.read(into).bytes == 4);
  line.socket->want({.reads = true});
  CHECK(line.wire.wanted.writes);  // It is nearly always ready for that.
  line.wire.user->on_ready({.writes = true}, 0);
  CHECK(line.user.calls == 1);
  CHECK(line.user.ready.reads);
  CHECK_FALSE(line.user.ready.writes);
  into.resize(100);
  CHECK(line.read(into).bytes == 6);
  line.socket->want({.reads = true});
  CHECK_FALSE(line.wire.wanted.writes);
}

TEST_CASE("a record that the socket below took in part keeps it blocked until it is out",
          "[worker][tls]") {
  Line line;
  const std::string text(50'000, 'x');
  line.wire.space = 20'000;
  const SocketWritten written = line.write(text);
  CHECK(written.is_full);
  CHECK(written.bytes == 2 * limits::kTlsRecordBytes);
  CHECK(line.socket->has_unsent());
  line.socket->want({.writes = true});
  line.wire.user->on_ready({.writes = true}, 0);
  CHECK(line.user.calls == 0);
  CHECK(line.write("more").is_full);
  line.wire.space = SIZE_MAX;
  line.wire.user->on_ready({.writes = true}, 0);
  CHECK(line.user.calls == 1);
  CHECK_FALSE(line.socket->has_unsent());
  CHECK(line.write(std::string_view(text).substr(written.bytes)).bytes ==
        text.size() - written.bytes);
  CHECK(line.client.receive() == text);
}

TEST_CASE("a file is sent encrypted, and waits where it is cold", "[worker][tls]") {
  Line line;
  const std::string text(40'000, 'f');
  const FileRange piece{std::make_shared<MemoryFile>(text), 0, text.size()};
  line.wire.is_file_cold = true;
  CHECK(line.socket->send(piece).outcome == FileSent::Outcome::kCold);
  line.wire.user->on_file_warm(0);
  CHECK(line.user.warmed == 1);
  CHECK(line.socket->send(piece).bytes == text.size());
  CHECK(line.client.receive() == text);
}

TEST_CASE("what keeps a file from being sent encrypted is told", "[worker][tls]") {
  using Outcome = FileSent::Outcome;
  Line line;
  const auto file = std::make_shared<MemoryFile>(std::string(50'000, 'f'));
  const FileRange piece{file, 0, file->size()};
  line.wire.space = 20'000;
  const FileSent sent = line.socket->send(piece);
  CHECK(sent.bytes == 2 * limits::kTlsRecordBytes);
  CHECK(sent.is_socket_full);
  CHECK(line.socket->send(piece).outcome == Outcome::kBlocked);
  line.wire.space = SIZE_MAX;
  file->break_with(EIO);
  const FileSent lost = line.socket->send(piece);
  CHECK(lost.outcome == Outcome::kFileLost);
  CHECK(lost.error == EIO);
  file->break_with(0);
  line.wire.is_lost = true;
  CHECK(line.socket->send(piece).outcome == Outcome::kSocketLost);
}

TEST_CASE("the end of either side is told to the other", "[worker][tls]") {
  Line line;
  SECTION("ours") {
    line.socket->shut_down();
    CHECK(line.wire.shut_downs == 1);
    CHECK(line.client.receive().empty());
    CHECK(line.client.has_ended);
  }
  SECTION("ours, where the socket is closed") {
    line.socket->end_output();
    CHECK(line.client.receive().empty());
    CHECK(line.client.has_ended);
  }
  SECTION("the client's") {
    line.client.end();
    std::string into(10, '\0');
    CHECK(line.read(into).outcome == SocketRead::Outcome::kEnd);
  }
  SECTION("the client's, without a word") {
    line.wire.has_ended = true;
    std::string into(10, '\0');
    CHECK(line.read(into).outcome == SocketRead::Outcome::kEnd);
  }
  SECTION("the connection's") {
    line.wire.is_lost = true;
    std::string into(10, '\0');
    CHECK(line.read(into).outcome == SocketRead::Outcome::kLost);
    CHECK(line.write("x").is_lost);
  }
}

}  // namespace daphnis::worker::test
