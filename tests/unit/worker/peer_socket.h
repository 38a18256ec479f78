#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string_view>

#include "tests/unit/worker/memory_file.h"
#include "tests/unit/worker/rig.h"

namespace daphnis::worker::test {

/// The worker's end of a peer's connection.
class PeerSocket final : public DrivenSocket {
 public:
  PeerSocket(Peer& peer, uint64_t cookie) : peer_(peer), cookie_(cookie) {}
  ~PeerSocket() override {
    if (!peer_.connection) return;
    const bool is_reset = peer_.connection->ending() == Ending::kReset;
    end(is_reset ? Ending::kReset : Ending::kClose);
  }

  /// The worker has no more to do with the connection.
  void end(Ending how) {
    peer_.ending = how;
    peer_.connection = nullptr;
    peer_.driver = nullptr;
    peer_.wanted = {};
  }
  [[nodiscard]] Peer& peer() { return peer_; }

  [[nodiscard]] uint64_t cookie() const override { return cookie_; }
  void start(SocketUser& user) override {
    peer_.driver = dynamic_cast<SocketDriver*>(&user);
    peer_.connection = &peer_.driver->connection();
  }
  [[nodiscard]] SocketRead read(std::span<uint8_t> first, std::span<uint8_t> second) override {
    using Outcome = SocketRead::Outcome;
    if (peer_.is_lost) return {.outcome = Outcome::kLost};
    if (peer_.unread.empty()) {
      return {.outcome = peer_.has_ended ? Outcome::kEnd : Outcome::kNothing};
    }
    size_t size = 0;
    for (const std::span<uint8_t> into : {first, second}) {
      size += peer_.unread.copy(reinterpret_cast<char*>(into.data()), into.size(), size);
    }
    peer_.unread.erase(0, size);
    return {.outcome = Outcome::kBytes, .bytes = size};
  }
  [[nodiscard]] SocketWritten write(std::span<const Bytes> views, bool) override {
    if (peer_.is_lost) return {.is_lost = true};
    SocketWritten written;
    for (const Bytes view : views) {
      const size_t size = take(as_text(view));
      written.bytes += size;
      written.is_full = size < view.size();
      if (written.is_full) break;
    }
    return written;
  }
  [[nodiscard]] FileSent send(const FileRange& piece) override {
    const auto& file = dynamic_cast<const MemoryFile&>(*piece.file);
    const std::string_view bytes = file.at(piece.offset, piece.size);
    if (peer_.is_lost) return {.outcome = FileSent::Outcome::kSocketLost};
    if (bytes.empty()) return {.outcome = FileSent::Outcome::kFileLost, .error = file.error()};
    const size_t size = take(bytes);
    if (size == 0) return {.outcome = FileSent::Outcome::kBlocked};
    return {.bytes = size, .is_socket_full = size < bytes.size()};
  }
  [[nodiscard]] FileBytes look(const FileRange&) override {
    abort_on_bug("the worker looked at a file for a socket that sends it");
  }
  void set_cork(bool) override {}
  void shut_down() override { peer_.is_half_closed = true; }
  void set_reset_on_close(bool) override {}
  void want(Readiness wanted) override { peer_.wanted = wanted; }
  [[nodiscard]] std::optional<size_t> unacknowledged_bytes() override { return std::nullopt; }

 private:
  /// Takes as many bytes as there is space for, and returns their number.
  size_t take(std::string_view bytes) {
    const size_t size = std::min(bytes.size(), peer_.space);
    peer_.received.append(bytes.substr(0, size));
    if (peer_.space != SIZE_MAX) peer_.space -= size;
    return size;
  }

  Peer& peer_;
  uint64_t cookie_;
};

}  // namespace daphnis::worker::test
