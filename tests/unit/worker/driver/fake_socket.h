#pragma once

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/unit/worker/memory_file.h"
#include "worker/driver/socket_driver.h"

namespace daphnis::worker::test {

/// What a FakeSocket was told and what it has to give; outlives the socket.
struct Wire {
  SocketUser* user = nullptr;
  std::deque<std::string> unread;  ///< Each read returns bytes of the first one.
  bool has_ended = false;
  bool is_lost = false;
  size_t reads = 0;
  std::vector<size_t> first_spaces;   ///< The space in the first buffer of each read.
  std::vector<size_t> second_spaces;  ///< The space in the second one.

  std::string received;
  size_t space = SIZE_MAX;
  bool is_file_cold = false;
  std::vector<bool> had_more;  ///< Of each write: whether more was to follow.
  std::vector<bool> corks;     ///< Each change of the cork.
  std::vector<bool> resets;    ///< Each change of how the socket closes.
  size_t shut_downs = 0;
  Readiness wanted;
  std::optional<size_t> unacknowledged;
  bool is_closed = false;
};

/// A socket that does what the test says.
class FakeSocket final : public DrivenSocket {
 public:
  explicit FakeSocket(Wire& wire) : wire_(wire) {}
  ~FakeSocket() override { wire_.is_closed = true; }

  [[nodiscard]] uint64_t cookie() const override { return 1; }
  void start(SocketUser& user) override { wire_.user = &user; }
  [[nodiscard]] SocketRead read(std::span<uint8_t> first, std::span<uint8_t> second) override {
    using Outcome = SocketRead::Outcome;
    ++wire_.reads;
    wire_.first_spaces.push_back(first.size());
    wire_.second_spaces.push_back(second.size());
    if (wire_.is_lost) return {.outcome = Outcome::kLost};
    if (wire_.unread.empty()) {
      return {.outcome = wire_.has_ended ? Outcome::kEnd : Outcome::kNothing};
    }
    std::string& next = wire_.unread.front();
    size_t size = 0;
    for (const std::span<uint8_t> into : {first, second}) {
      size += next.copy(reinterpret_cast<char*>(into.data()), into.size(), size);
    }
    next.erase(0, size);
    if (next.empty()) wire_.unread.pop_front();
    return {.outcome = Outcome::kBytes, .bytes = size};
  }
  [[nodiscard]] SocketWritten write(std::span<const Bytes> views, bool has_more) override {
    if (wire_.is_lost) return {.is_lost = true};
    wire_.had_more.push_back(has_more);
    size_t wanted = 0;
    size_t taken = 0;
    for (const Bytes view : views) {
      wanted += view.size();
      taken += take(as_text(view));
    }
    return {.bytes = taken, .is_full = taken < wanted};
  }
  [[nodiscard]] FileSent send(const FileRange& piece) override {
    const auto& file = dynamic_cast<const MemoryFile&>(*piece.file);
    if (wire_.is_lost) return {.outcome = FileSent::Outcome::kSocketLost};
    if (std::exchange(wire_.is_file_cold, false)) return {.outcome = FileSent::Outcome::kCold};
    const std::string_view bytes = file.at(piece.offset, piece.size);
    if (bytes.empty()) return {.outcome = FileSent::Outcome::kFileLost, .error = file.error()};
    const size_t size = take(bytes);
    if (size == 0) return {.outcome = FileSent::Outcome::kBlocked};
    return {.bytes = size, .is_socket_full = size < bytes.size()};
  }
  [[nodiscard]] FileBytes look(const FileRange& piece) override {
    const auto& file = dynamic_cast<const MemoryFile&>(*piece.file);
    if (std::exchange(wire_.is_file_cold, false)) return {.outcome = FileBytes::Outcome::kCold};
    const std::string_view bytes = file.at(piece.offset, piece.size);
    if (bytes.empty()) return {.outcome = FileBytes::Outcome::kFileLost, .error = file.error()};
    return {.bytes = as_bytes(bytes)};
  }
  void set_cork(bool is_corked) override { wire_.corks.push_back(is_corked); }
  void shut_down() override { ++wire_.shut_downs; }
  void set_reset_on_close(bool resets) override { wire_.resets.push_back(resets); }
  void want(Readiness wanted) override { wire_.wanted = wanted; }
  [[nodiscard]] std::optional<size_t> unacknowledged_bytes() override {
    return wire_.unacknowledged;
  }

 private:
  size_t take(std::string_view bytes) {
    const size_t size = std::min(bytes.size(), wire_.space);
    wire_.received.append(bytes.substr(0, size));
    if (wire_.space != SIZE_MAX) wire_.space -= size;
    return size;
  }

  Wire& wire_;
};

/// A connection that says what the test sets, and records what it is told.
class FakeConnection final : public Connection {
 public:
  explicit FakeConnection(Agenda& agenda) : Connection(ConnectionId{1}, agenda) {}

  void on_bytes(const Slice& input, uint64_t) override {
    got.append(as_text(input.bytes()));
    if (keeps) kept.push_back(input);
  }
  void on_eof(uint64_t) override { ++eofs; }
  void on_lost(uint64_t) override {
    ++losses;
    ends_in = Ending::kReset;
  }
  void on_written(size_t size, uint64_t) override {
    if (!text.empty()) {
      text.erase(0, size);
    } else {
      file.offset += size;
      file.size -= size;
    }
  }
  void on_file_awaited() override { ++waits; }
  void on_file_lost(int error, uint64_t) override {
    lost_with = error;
    file = {};
    ends_in = after_loss;
  }
  void on_unsent(size_t kernel_bytes, uint64_t) override { unsent = kernel_bytes; }
  void on_time(uint64_t) override {}
  [[nodiscard]] size_t output(std::span<Bytes> views) override {
    if (text.empty()) return 0;
    views[0] = as_bytes(text);
    return 1;
  }
  [[nodiscard]] FileRange file_output() override {
    if (!text.empty() || file.size == 0) return {};
    return {file.file, file.offset, std::min<uint64_t>(file.size, limits::kFilePieceBytesMax)};
  }
  [[nodiscard]] bool has_file_next() const override { return file.size > 0; }
  [[nodiscard]] bool wants_input() const override { return wants; }
  [[nodiscard]] bool keeps_input() const override { return keeps; }
  [[nodiscard]] Ending ending() const override { return ends_in; }
  [[nodiscard]] bool end_looks_whole() const override { return looks_whole; }

  bool wants = true;
  bool keeps = false;
  std::string got;
  Slices kept;
  int eofs = 0;
  int losses = 0;

  std::string text;  ///< The output before the file.
  FileRange file;
  int waits = 0;
  int lost_with = -1;
  Ending after_loss = Ending::kReset;
  std::optional<size_t> unsent;
  Ending ends_in = Ending::kOpen;
  bool looks_whole = false;
};

}  // namespace daphnis::worker::test
