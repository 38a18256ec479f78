#include "worker/driver/socket_driver.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>

#include "common/base/limits.h"
#include "tests/unit/worker/driver/fake_socket.h"

namespace daphnis::worker::test {
namespace {

using Fate = SocketDriver::Fate;

/// A connection with its driver on a fake socket. After each event the driver is synced, as its
/// owner does it.
struct Line final : SocketOwner {
  void on_used(SocketDriver&, uint64_t) override { sync(); }
  Fate sync() { return fate = driver.sync(1); }
  void readable() { driver.on_ready({.reads = true}, 1); }
  /// The peer takes `bytes` more.
  void writable(size_t bytes) {
    wire.space = bytes;
    driver.on_ready({.writes = true}, 1);
  }
  /// Lets the connection send that text from a file.
  std::shared_ptr<MemoryFile> send_file(std::string text) {
    const uint64_t size = text.size();
    auto file = std::make_shared<MemoryFile>(std::move(text));
    connection.file = {file, 0, size};
    return file;
  }

  Wire wire;
  Agenda agenda;
  BufferPool pool;
  PooledReadBuffers buffers{pool};
  FakeConnection connection{agenda};
  SocketDriver driver{std::make_unique<FakeSocket>(wire), connection, buffers, *this};
  Fate fate = Fate::kStays;
};

}  // namespace

TEST_CASE("what a blocked socket does not take is written when it is ready again", "[driver]") {
  Line line;
  line.wire.space = 4;
  line.connection.text = "seven bytes";
  CHECK(line.sync() == Fate::kStays);
  CHECK(line.wire.received == "seve");
  CHECK(line.wire.wanted.writes);
  line.wire.space = 3;
  line.sync();
  CHECK(line.wire.received == "seve");  // The socket was not asked again.
  line.writable(3);
  CHECK(line.wire.received == "seven b");
  line.writable(SIZE_MAX);
  CHECK(line.wire.received == "seven bytes");
  CHECK_FALSE(line.wire.wanted.writes);
}

TEST_CASE("our side ends once, when the output is written, and input is still read", "[driver]") {
  Line line;
  line.wire.space = 2;
  line.connection.text = "bye";
  line.connection.ends_in = Ending::kHalfClose;
  line.sync();
  CHECK(line.wire.shut_downs == 0);
  line.writable(SIZE_MAX);
  CHECK(line.wire.shut_downs == 1);
  CHECK(line.wire.wanted.reads);
  CHECK(line.sync() == Fate::kStays);
  CHECK(line.wire.shut_downs == 1);
}

TEST_CASE("a socket closes when its output is written or none is left", "[driver]") {
  Line line;
  line.wire.space = 1;
  line.connection.text = "ab";
  line.connection.ends_in = Ending::kClose;
  CHECK(line.sync() == Fate::kStays);
  SECTION("it is written") {
    line.writable(1);
  }
  SECTION("it was dropped while the socket is full") {
    line.connection.text.clear();
    line.sync();
  }
  CHECK(line.fate == Fate::kClosed);
  CHECK(line.wire.resets.empty());
}

TEST_CASE("a reset drops the output", "[driver]") {
  Line line;
  line.connection.text = "not sent";
  line.connection.ends_in = Ending::kReset;
  CHECK(line.sync() == Fate::kClosed);
  CHECK(line.wire.received.empty());
  CHECK(line.wire.resets == std::vector{true});
}

TEST_CASE("a crash resets a socket as long as its end would look whole", "[driver]") {
  Line line;
  line.connection.looks_whole = true;
  line.sync();
  line.sync();
  CHECK(line.wire.resets == std::vector{true});
  line.connection.looks_whole = false;
  line.connection.ends_in = Ending::kClose;
  CHECK(line.sync() == Fate::kClosed);
  CHECK(line.wire.resets == std::vector{true, false});
}

TEST_CASE("a socket is given back only when its output is written", "[driver]") {
  Line line;
  line.wire.space = 3;
  line.connection.text = "reply";
  line.connection.ends_in = Ending::kGiveBack;
  CHECK(line.sync() == Fate::kStays);
  line.writable(SIZE_MAX);
  CHECK(line.fate == Fate::kGivenBack);
  const std::unique_ptr<DrivenSocket> socket = line.driver.release();
  CHECK(socket);
  CHECK_FALSE(line.wire.is_closed);
}

TEST_CASE("output waits for a cold file and goes on when it is warm", "[driver]") {
  Line line;
  line.connection.text = "head ";
  line.send_file("file");
  line.wire.is_file_cold = true;
  line.sync();
  CHECK(line.wire.received == "head ");
  CHECK(line.connection.waits == 1);
  CHECK_FALSE(line.wire.wanted.writes);  // The peer is not what is waited for.
  line.sync();
  CHECK(line.wire.received == "head ");
  SECTION("which holds an ending up") {
    line.connection.ends_in = Ending::kClose;
    CHECK(line.sync() == Fate::kStays);
    line.driver.on_file_warm(2);
    CHECK(line.fate == Fate::kClosed);
  }
  SECTION("of a connection that stays") {
    line.driver.on_file_warm(2);
    CHECK(line.fate == Fate::kStays);
  }
  CHECK(line.wire.received == "head file");
  CHECK(line.connection.waits == 1);
}

TEST_CASE("a file that is lost is told to its connection, which may go on", "[driver]") {
  Line line;
  line.send_file("file")->break_with(EIO);
  SECTION("but does not") {
    CHECK(line.sync() == Fate::kClosed);
    CHECK(line.wire.resets == std::vector{true});
  }
  SECTION("and does") {
    line.connection.after_loss = Ending::kOpen;
    CHECK(line.sync() == Fate::kStays);
  }
  CHECK(line.connection.lost_with == EIO);
}

TEST_CASE("a socket is corked between the pieces of a file and not behind the last", "[driver]") {
  Line line;
  line.connection.text = "head";
  SECTION("of a long file") {
    line.send_file(std::string(limits::kFilePieceBytesMax + 1, 'x'));
    line.sync();
    CHECK(line.wire.corks == std::vector{true, false});
  }
  SECTION("of one piece never") {
    line.send_file("x");
    line.sync();
    CHECK(line.wire.corks.empty());
  }
  CHECK(line.wire.had_more == std::vector{true});  // The head went out together with the file.
  line.connection.text = "tail";
  line.sync();
  CHECK(line.wire.had_more == std::vector{true, false});
}

TEST_CASE("a long file leaves the loop to others although its socket takes all", "[driver]") {
  Line line;
  const size_t size = 5 * limits::kMiB;
  line.send_file(std::string(size, 'x'));
  line.sync();
  CHECK(line.wire.received.size() < size);
  CHECK(line.wire.wanted.writes);
  line.writable(SIZE_MAX);
  CHECK(line.wire.received.size() == size);
  CHECK_FALSE(line.wire.wanted.writes);
}

TEST_CASE("the end of the input is told once and nothing is read behind it", "[driver]") {
  Line line;
  line.wire.unread = {"last"};
  line.wire.has_ended = true;
  line.readable();
  CHECK(line.connection.got == "last");
  CHECK(line.connection.eofs == 0);
  line.readable();
  CHECK(line.connection.eofs == 1);
  CHECK_FALSE(line.wire.wanted.reads);
  line.readable();
  CHECK(line.connection.eofs == 1);
}

TEST_CASE("a broken connection is found out by a read and by a write", "[driver]") {
  Line line;
  line.wire.is_lost = true;
  SECTION("by a read") {
    line.readable();
  }
  SECTION("by a write") {
    line.connection.text = "answer";
    line.sync();
  }
  SECTION("by a part of a file") {
    line.send_file("file");
    line.sync();
  }
  CHECK(line.connection.losses == 1);
  CHECK(line.fate == Fate::kClosed);
}

TEST_CASE("a fast peer is read a bounded number of times for each event", "[driver]") {
  Line line;
  line.wire.unread.assign(10, std::string(limits::kScratchBytes, 'x'));
  line.readable();
  CHECK(line.wire.reads == 4);
  CHECK(line.wire.wanted.reads);
  line.readable();
  CHECK(line.wire.reads == 8);
}

TEST_CASE("nothing more is read when a buffer was not filled or no input is wanted", "[driver]") {
  Line line;
  line.wire.unread = {"one", "two"};
  SECTION("the buffer was not filled") {
    line.readable();
    CHECK(line.connection.got == "one");
    CHECK(line.wire.reads == 1);
  }
  SECTION("no input is wanted") {
    line.connection.wants = false;
    line.readable();
    CHECK(line.wire.reads == 0);
    CHECK_FALSE(line.wire.wanted.reads);
  }
}

TEST_CASE("input that is kept fills one buffer before it takes another", "[driver]") {
  Line line;
  line.connection.keeps = true;
  const size_t size = limits::kPooledBufferBytes;
  line.wire.unread = {std::string(size - 10, 'a')};
  line.readable();
  CHECK(line.pool.in_use() == 1);
  // Little space is left, so that the next read fills the next buffer as well.
  line.wire.unread = {std::string(30, 'b')};
  line.readable();
  CHECK(line.wire.first_spaces == std::vector<size_t>{size, 10});
  CHECK(line.wire.second_spaces == std::vector<size_t>{0, size});
  CHECK(line.pool.in_use() == 2);
  REQUIRE(line.connection.kept.size() == 3);
  CHECK(line.connection.kept[1].size == 10);
  CHECK(line.connection.kept[2].size == 20);
  CHECK(line.connection.got == std::string(size - 10, 'a') + std::string(30, 'b'));
  // The rest of the second buffer is filled next.
  line.wire.unread = {"c"};
  line.readable();
  CHECK(line.wire.first_spaces.back() == size - 20);
  CHECK(line.connection.kept.back().data == line.connection.kept[2].data + 20);
}

TEST_CASE("a connection of which nothing is kept holds no buffer", "[driver]") {
  Line line;
  SECTION("for input that it only looks at") {
    line.wire.unread = {"request"};
    line.readable();
  }
  SECTION("for input that it has dropped since") {
    line.connection.keeps = true;
    line.wire.unread = {"block"};
    line.readable();
    CHECK(line.pool.in_use() == 1);
    line.connection.kept.clear();
    line.readable();
  }
  CHECK(line.pool.in_use() == 0);
}

TEST_CASE("a connection is told how far its peer is behind while the socket is full", "[driver]") {
  Line line;
  line.wire.unacknowledged = 7;
  line.driver.on_tick(1);
  CHECK_FALSE(line.connection.unsent);
  line.wire.space = 1;
  line.connection.text = "ab";
  line.sync();
  line.driver.on_tick(2);
  CHECK(line.connection.unsent == 7U);
}

}  // namespace daphnis::worker::test
