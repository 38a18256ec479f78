#include <algorithm>
#include <array>
#include <cerrno>

#include "tests/unit/worker/memory_file.h"
#include "tests/unit/worker/rig.h"
#include "worker/client/answer_framer.h"
#include "worker/client/output_queue.h"

namespace daphnis::worker::test {
namespace {

struct Owner : ExchangeOwner {
  void on_answer(Exchange&, uint64_t) override { ++calls; }
  int calls = 0;
};

struct Reader : Responder {
  explicit Reader(Reader** self) { *self = this; }
  void on_space(uint64_t) override { ++spaces; }
  void on_over(uint64_t) override {}
  bool on_file_lost(const FileRange& range, int error, uint64_t) override {
    lost_offset = range.offset;
    lost_error = error;
    return false;
  }
  int spaces = 0;
  uint64_t lost_offset = 0;
  int lost_error = -1;
};

/// An answer under way, chunked where no length is given, and a high mark of 1,000 bytes.
struct Answer {
  explicit Answer(std::optional<uint64_t> length = {}) {
    exchange.set_responder(std::make_unique<Reader>(&reader));
    exchange.start({.length = length}, 1);
  }
  void push(std::string_view text) {
    Slices slices{Slice::copy_of(as_bytes(text))};
    exchange.push(slices, 1);
  }
  void push(const FileRef& of, uint64_t offset, uint64_t size) {
    exchange.push(FileRange{of, offset, size}, 1);
  }
  /// Takes all output, `step` bytes at a time.
  std::string written(size_t step) {
    std::string out;
    std::array<Bytes, 3> views;
    while (true) {
      const size_t count = framer.output(views);
      std::string shown;
      for (size_t i = 0; i < count; ++i) shown.append(as_text(views[i]));
      if (count == 0) {
        const FileRange range = framer.file_output();
        if (!range) return out;
        shown = dynamic_cast<const MemoryFile&>(*range.file).at(range.offset, range.size);
      }
      shown.resize(std::min(shown.size(), step));
      out.append(shown);
      framer.on_written(shown.size(), 2);
    }
  }

  Owner owner;
  Reader* reader = nullptr;
  Retired retired;
  Exchange exchange{owner, retired, {}, true, {"192.0.2.7"}, 1'000, 1};
  AnswerFramer framer{exchange};
  std::shared_ptr<MemoryFile> file = std::make_shared<MemoryFile>("0123456789abcdefghij");
};

}  // namespace

TEST_CASE("files and memory go out as they were pushed, first in first out", "[worker]") {
  for (size_t step = 1; step < 40; ++step) {
    Answer answer(14);
    answer.push("one ");
    answer.push(answer.file, 10, 4);
    answer.push(" two ");
    answer.push(answer.file, 0, 1);
    answer.exchange.finish(1);
    CHECK(answer.written(step) == "HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\none abcd two 0");
    CHECK(answer.framer.is_done());
  }
}

TEST_CASE("a chunk may hold memory and parts of files", "[worker]") {
  for (size_t step = 1; step < 60; ++step) {
    Answer answer;
    answer.push("one ");
    answer.push(answer.file, 10, 4);
    std::string out = answer.written(step);
    answer.push(answer.file, 14, 6);
    answer.push(" end");
    answer.exchange.finish(1);
    out += answer.written(step);
    CHECK(dechunked(out) == "one abcdefghij end");
    CHECK(answer.framer.is_done());
  }
}

TEST_CASE("parts of a file that follow one another become one", "[worker]") {
  const FileRef file = std::make_shared<MemoryFile>("0123456789");
  OutputQueue queue;
  queue.push(FileRange{file, 2, 3});
  queue.push(FileRange{file, 5, 2});
  queue.push(FileRange{file, 8, 1});
  CHECK(queue.file_front().offset == 2);
  CHECK(queue.file_front().size == 5);
  CHECK(queue.file_bytes() == 6);
  CHECK(queue.memory_bytes() == 0);
  CHECK(queue.pinned_bytes() == 0);
  queue.consume(6);
  CHECK(queue.is_empty());
  CHECK(file.use_count() == 1);
}

TEST_CASE("a long part of a file is shown in pieces", "[worker]") {
  Answer answer(3 * limits::kMiB);
  answer.push(answer.file, 0, 3 * limits::kMiB);
  std::array<Bytes, 3> views;
  CHECK(answer.framer.output(views) == 1);
  CHECK(answer.framer.has_file_next());
  answer.framer.on_written(views[0].size(), 2);
  CHECK(answer.framer.output(views) == 0);
  CHECK(answer.framer.file_output().size == limits::kFilePieceBytesMax);
  answer.framer.on_written(100, 2);
  CHECK(answer.framer.file_output().offset == 100);
}

TEST_CASE("who pushes a long part of a file is called when it has almost gone out", "[worker]") {
  Answer answer(5'000);
  answer.push(answer.file, 0, 5'000);
  CHECK(answer.exchange.is_full());
  std::array<Bytes, 3> views;
  REQUIRE(answer.framer.output(views) == 1);
  answer.framer.on_written(views[0].size() + 4'400, 2);
  CHECK(answer.reader->spaces == 0);
  answer.framer.on_written(200, 2);
  CHECK(answer.reader->spaces == 1);
  CHECK_FALSE(answer.exchange.is_full());
}

TEST_CASE("a file that is lost aborts its answer though all of it was pushed", "[worker]") {
  Answer answer(20);
  answer.push(answer.file, 5, 15);
  answer.push("tail");
  answer.exchange.finish(1);
  std::array<Bytes, 3> views;
  REQUIRE(answer.framer.output(views) == 1);
  answer.framer.on_written(views[0].size() + 3, 2);
  answer.exchange.on_file_lost(EIO, 3);
  CHECK(answer.reader->lost_error == EIO);
  CHECK(answer.reader->lost_offset == 8);
  CHECK(answer.exchange.state() == Exchange::State::kAborted);
  CHECK(answer.exchange.content().is_empty());
  CHECK(answer.file.use_count() == 1);
}

}  // namespace daphnis::worker::test
