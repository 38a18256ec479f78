#include <fcntl.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "tests/uv/worker/cool.h"
#include "worker/driver/socket_driver.h"
#include "worker/uv/socket.h"
#include "worker/uv/system_file.h"

namespace daphnis::worker::uv {
namespace {

namespace fs = std::filesystem;

/// A file on a disk, not in memory, that is removed at the end.
struct DiskFile {
  explicit DiskFile(size_t size, bool has_sums = false)
      : path(fs::current_path() / fmt::format("file_output_test.{}.tmp", ::getpid())) {
    content.resize(size);
    for (size_t i = 0; i < size; ++i) content[i] = static_cast<char>('a' + i * 7 / 5 % 26);
    daphnis::uv::UniqueFd fd(::open(path.c_str(), O_CREAT | O_TRUNC | O_RDWR, 0600));
    REQUIRE(::pwrite(fd.get(), content.data(), size, 0) == static_cast<ssize_t>(size));
    REQUIRE(::fdatasync(fd.get()) == 0);
    std::optional<PieceSums> sums;
    if (has_sums) {
      PieceSummer summer;
      summer.add(as_bytes(content));
      sums = *PieceSums::read(std::move(summer).finish(), size);
    }
    file = std::make_shared<SystemFile>(std::move(fd), std::move(sums));
  }
  ~DiskFile() { fs::remove(path); }
  void rot(size_t at) const {
    const char byte = static_cast<char>(content[at] ^ 0x08);
    REQUIRE(::pwrite(file->descriptor(), &byte, 1, static_cast<off_t>(at)) == 1);
  }

  void cool() const { uv::cool(file->descriptor()); }

  fs::path path;
  std::string content;
  FileRef file;
};

/// A connection with a head and a file behind it, and a closing line.
class FileConnection final : public Connection {
 public:
  FileConnection(Agenda& agenda, const FileRange& range)
      : Connection(ConnectionId{1}, agenda), range_(range), head_("head\n"), tail_("tail\n") {}

  void on_bytes(const Slice&, uint64_t) override {}
  void on_eof(uint64_t) override {}
  void on_lost(uint64_t) override { ending_ = Ending::kReset; }
  void on_time(uint64_t) override {}
  void on_file_awaited() override { ++times_awaited; }
  void on_file_lost(int error, uint64_t) override {
    lost_with = error;
    ending_ = Ending::kReset;
  }
  void on_written(size_t size, uint64_t) override {
    if (!head_.empty()) {
      head_.erase(0, size);
    } else if (range_.size > 0) {
      range_.offset += size;
      range_.size -= size;
      most_at_once = std::max(most_at_once, size);
    } else {
      tail_.erase(0, size);
      if (tail_.empty() && !stays_open) ending_ = Ending::kClose;
    }
  }
  [[nodiscard]] size_t output(std::span<Bytes> views) override {
    const std::string& shown = head_.empty() && range_.size == 0 ? tail_ : head_;
    views[0] = as_bytes(shown);
    return shown.empty() ? 0 : 1;
  }
  [[nodiscard]] FileRange file_output() override {
    FileRange piece = range_;
    piece.size = std::min<uint64_t>(piece.size, limits::kFilePieceBytesMax);
    return head_.empty() && piece.size > 0 ? piece : FileRange{};
  }
  [[nodiscard]] bool has_file_next() const override { return range_.size > 0; }
  [[nodiscard]] bool wants_input() const override { return false; }
  [[nodiscard]] bool keeps_input() const override { return false; }
  [[nodiscard]] Ending ending() const override { return ending_; }

  /// Bytes of the file that are written.
  [[nodiscard]] size_t written() const { return static_cast<size_t>(range_.offset); }

  bool stays_open = false;
  int times_awaited = 0;
  int lost_with = -1;
  size_t most_at_once = 0;

 private:
  FileRange range_;
  std::string head_;
  std::string tail_;
  Ending ending_ = Ending::kOpen;
};

using Ends = std::array<int, 2>;

Ends unix_ends() {
  Ends ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()) == 0);
  return ends;
}

/// A pair of sockets that are connected over loopback.
Ends tcp_ends() {
  const daphnis::uv::UniqueFd listener(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {}, .sin_zero = {}};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  REQUIRE(::bind(listener.get(), generic, size) == 0);
  REQUIRE(::listen(listener.get(), 1) == 0);
  REQUIRE(::getsockname(listener.get(), generic, &size) == 0);
  Ends ends{};
  ends[1] = ::socket(AF_INET, SOCK_STREAM, 0);
  REQUIRE(::connect(ends[1], generic, size) == 0);
  ends[0] = ::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK);
  REQUIRE(ends[0] >= 0);
  REQUIRE(::fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0);
  return ends;
}

/// A loop with one socket that serves the connection, and the socket's far end.
struct Line final : SocketOwner {
  explicit Line(const FileRange& range, const Ends& ends = unix_ends())
      : connection(agenda, range), peer(ends[1]), our_end(ends[0]) {
    socket = std::make_unique<SocketDriver>(
        std::make_unique<Socket>(loop, daphnis::uv::UniqueFd(ends[0])), connection, buffers, *this);
  }

  void on_used(SocketDriver&, uint64_t) override { sync(); }
  void sync() {
    if (socket->sync(loop.now_ms()) != SocketDriver::Fate::kStays) socket.reset();
  }
  /// Reads what has come, at most `most` bytes.
  void read(size_t most) {
    std::string part(most, '\0');
    const ssize_t size = ::read(peer.get(), part.data(), part.size());
    if (size > 0) received.append(part, 0, static_cast<size_t>(size));
  }
  [[nodiscard]] bool is_corked() const {
    int value = -1;
    socklen_t size = sizeof value;
    REQUIRE(::getsockopt(our_end, IPPROTO_TCP, TCP_CORK, &value, &size) == 0);
    return value != 0;
  }
  /// Runs until this end is closed and all is read; fails after ten seconds.
  void run(size_t bytes_per_turn) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (socket && std::chrono::steady_clock::now() < end) {
      loop.run_once(UV_RUN_NOWAIT);
      read(bytes_per_turn);
    }
    REQUIRE(!socket);
    for (size_t before = SIZE_MAX; before != received.size();) {
      before = received.size();
      read(1 << 20);
    }
  }

  daphnis::uv::Loop loop;
  Agenda agenda;
  BufferPool pool;
  PooledReadBuffers buffers{pool};
  FileConnection connection;
  daphnis::uv::UniqueFd peer;
  int our_end;
  std::unique_ptr<SocketDriver> socket;
  std::string received;
};

}  // namespace

TEST_CASE("a part of a file goes out between what stands before and behind it") {
  const DiskFile disk(3'000'000);
  Line line({disk.file, 1'000, 2'500'000});
  line.sync();
  line.run(GENERATE(size_t{1} << 20, size_t{30'000}));
  CHECK(line.received == "head\n" + disk.content.substr(1'000, 2'500'000) + "tail\n");
  CHECK(line.connection.most_at_once <= limits::kFilePieceBytesMax);
  CHECK(line.connection.times_awaited == 0);
}

TEST_CASE("small segments are held back in the midst of a long file and not at its end") {
  const DiskFile disk(9'000'000);
  Line line({disk.file, 0, 9'000'000}, tcp_ends());
  line.connection.stays_open = true;
  line.sync();
  CHECK(line.is_corked());
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (line.received.size() < 9'000'010 && std::chrono::steady_clock::now() < end) {
    line.loop.run_once(UV_RUN_NOWAIT);
    line.read(1 << 20);
  }
  CHECK(line.received == "head\n" + disk.content + "tail\n");
  CHECK_FALSE(line.is_corked());
}

TEST_CASE("a cold file is read by the thread pool before it is sent") {
  const DiskFile disk(3'000'000);
  disk.cool();
  Line line({disk.file, 0, 3'000'000});
  line.sync();
  CHECK(line.connection.times_awaited == 1);
  line.run(1 << 20);
  CHECK(line.received == "head\n" + disk.content + "tail\n");
  // The pool reads each piece at most once.
  CHECK(line.connection.times_awaited <= 3);
}

TEST_CASE("a file that is shorter than it should be ends its connection with a reset") {
  const DiskFile disk(500'000);
  if (GENERATE(true, false)) disk.cool();
  Line line({disk.file, 0, 600'000});
  line.sync();
  if (line.socket) line.run(1 << 20);
  CHECK(line.connection.lost_with == 0);
  CHECK(line.received.find("tail") == std::string::npos);
}

TEST_CASE("a file that is cut while it is sent ends its connection with a reset") {
  const DiskFile disk(3'000'000);
  Line line({disk.file, 0, 3'000'000});
  line.sync();
  REQUIRE(line.socket);
  REQUIRE(::ftruncate(disk.file->descriptor(), 100) == 0);
  line.run(1 << 20);
  CHECK(line.connection.lost_with == 0);
  CHECK(line.received.size() < 3'000'000);
}

TEST_CASE("a file with sums goes out as one without") {
  const DiskFile disk(3'000'000, true);
  const bool is_cold = GENERATE(false, true);
  if (is_cold) disk.cool();
  Line line({disk.file, 1'000, 2'500'000});
  line.sync();
  line.run(GENERATE(size_t{1} << 20, size_t{30'000}));
  CHECK(line.received == "head\n" + disk.content.substr(1'000, 2'500'000) + "tail\n");
  CHECK((line.connection.times_awaited > 0) == is_cold);
}

TEST_CASE("of a file with sums no piece is sent that has a bit flipped") {
  const DiskFile disk(3'000'000, true);
  const size_t rotten = GENERATE(size_t{0}, size_t{1'234'567}, size_t{2'999'999});
  disk.rot(rotten);
  if (GENERATE(false, true)) disk.cool();
  Line line({disk.file, 0, 3'000'000});
  line.sync();
  if (line.socket) line.run(1 << 20);
  CHECK(line.connection.lost_with == EBADMSG);
  line.read(1 << 20);
  const size_t piece = rotten - rotten % kCachePieceBytes;
  CHECK(line.received.size() <= 5 + piece);
  CHECK(("head\n" + disk.content).starts_with(line.received));
}

TEST_CASE("a bit that flips in a piece of which a part was sent is not sent") {
  const DiskFile disk(3'000'000, true);
  Line line({disk.file, 0, 3'000'000});
  line.sync();
  REQUIRE(line.socket);
  // The socket took a part of some piece, whose last byte has not gone out.
  line.read(100'000);
  const size_t sent = line.connection.written();
  REQUIRE(sent % kCachePieceBytes != 0);
  const size_t last = sent - sent % kCachePieceBytes + kCachePieceBytes - 1;
  disk.rot(last);
  line.run(1 << 20);
  CHECK(line.connection.lost_with == EBADMSG);
  CHECK(line.received.size() <= 5 + last);
  CHECK(("head\n" + disk.content).starts_with(line.received));
}

TEST_CASE("a file that cannot be read says with what error") {
  // A folder can be opened like a file, and cannot be read like one.
  const auto folder = std::make_shared<SystemFile>(
      daphnis::uv::UniqueFd(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
  Line line({folder, 0, 100});
  line.sync();
  if (line.socket) line.run(100);
  CHECK(line.connection.lost_with == EISDIR);
}

TEST_CASE("a socket may be closed while its file is read") {
  const DiskFile disk(3'000'000);
  disk.cool();
  Line line({disk.file, 0, 3'000'000});
  line.sync();
  REQUIRE(line.connection.times_awaited == 1);
  line.socket.reset();
  while (line.loop.run_once(UV_RUN_NOWAIT)) {
  }
  CHECK(disk.file.use_count() == 2);  // The connection holds the other reference.
}

TEST_CASE("a peer that takes nothing costs no turns of the loop") {
  const DiskFile disk(3'000'000);
  Line line({disk.file, 0, 3'000'000});
  line.sync();
  for (int turn = 0; turn < 10; ++turn) line.loop.run_once(UV_RUN_NOWAIT);
  const size_t sent = line.connection.most_at_once;
  for (int turn = 0; turn < 10; ++turn) line.loop.run_once(UV_RUN_NOWAIT);
  CHECK(line.connection.most_at_once == sent);
  line.run(1 << 20);
  CHECK(line.received.size() == 3'000'010);
}

}  // namespace daphnis::worker::uv
