#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "common/tls/session.h"

namespace daphnis::tls::test {

/// A wire in memory: what one side writes is what the other reads.
class MemoryWire final : public Wire {
 public:
  MemoryWire(std::string& in, std::string& out) : in_(in), out_(out) {}

  [[nodiscard]] Moved read(std::span<uint8_t> out) override {
    ++reads;
    if (in_.empty())
      return {.outcome = has_ended ? Moved::Outcome::kEnd : Moved::Outcome::kBlocked};
    const size_t size = in_.copy(reinterpret_cast<char*>(out.data()), std::min(out.size(), most));
    in_.erase(0, size);
    return {.outcome = Moved::Outcome::kBytes, .bytes = size};
  }
  [[nodiscard]] Moved write(Bytes bytes, bool has_more) override {
    had_more = has_more;
    const size_t size = std::min(bytes.size(), space);
    if (size == 0) return {};
    ++writes;
    out_.append(as_text(bytes.first(size)));
    if (space != SIZE_MAX) space -= size;
    return {.outcome = Moved::Outcome::kBytes, .bytes = size};
  }

  size_t most = SIZE_MAX;   ///< Bytes of one read.
  size_t space = SIZE_MAX;  ///< Bytes that are still taken.
  bool has_ended = false;
  bool had_more = false;
  int reads = 0;
  int writes = 0;

 private:
  std::string& in_;
  std::string& out_;
};

/// A client and a server, each with its end of one wire.
struct TwoSides {
  TwoSides(std::shared_ptr<const Context> server_context,
           std::shared_ptr<const Context> client_context, const std::string& host,
           uint16_t port = 443)
      : server(Session::accept(std::move(server_context))),
        client(Session::connect(std::move(client_context), host, port)) {}

  /// Shakes hands until nothing moves any more, and returns how it ended for each side.
  std::pair<Session::Handshake, Session::Handshake> shake() {
    auto of_client = Session::Handshake::kWantsRead;
    auto of_server = Session::Handshake::kWantsRead;
    const auto goes_on = [](Session::Handshake state) {
      return state != Session::Handshake::kDone && state != Session::Handshake::kFailed;
    };
    for (int step = 0; step < 10'000 && (goes_on(of_client) || goes_on(of_server)); ++step) {
      if (goes_on(of_client)) of_client = client->handshake(client_wire);
      if (goes_on(of_server)) of_server = server->handshake(server_wire);
    }
    return {of_client, of_server};
  }
  void connect() {
    const auto [of_client, of_server] = shake();
    REQUIRE(of_client == Session::Handshake::kDone);
    REQUIRE(of_server == Session::Handshake::kDone);
  }

  std::string to_server;
  std::string to_client;
  MemoryWire server_wire{to_server, to_client};
  MemoryWire client_wire{to_client, to_server};
  std::unique_ptr<Session> server;
  std::unique_ptr<Session> client;
};

/// All content that is there for this side to read.
inline std::string read_all(Session& session, Wire& wire) {
  std::string all;
  std::string piece(10'000, '\0');
  while (true) {
    const Moved moved =
        session.read(wire, {reinterpret_cast<uint8_t*>(piece.data()), piece.size()});
    if (moved.outcome != Moved::Outcome::kBytes) return all;
    all.append(piece, 0, moved.bytes);
  }
}

/// Writes what the wire takes of this.
inline Session::Written write(Session& session, Wire& wire, std::string_view text) {
  const Bytes view = as_bytes(text);
  return session.write(wire, {&view, 1}, false);
}

}  // namespace daphnis::tls::test
