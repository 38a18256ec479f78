#include "broker/uv/denylist_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/base/limits.h"
#include "common/hash/sha256.h"
#include "common/uv/fd.h"
#include "common/uv/shared_memory.h"

namespace daphnis::broker::uv {
namespace {

constexpr size_t kPieceBytes = 1 * limits::kMiB;

/// A running digest of all that is read: each piece's digest goes into the next one's.
class ContentId {
 public:
  void add(Bytes piece) {
    const auto digest = sha256(piece);
    std::memcpy(both_.data() + digest.size(), digest.data(), digest.size());
    const auto next = sha256(both_);
    std::memcpy(both_.data(), next.data(), next.size());
  }
  [[nodiscard]] DenylistId id() const {
    DenylistId id = 0;
    std::memcpy(&id, both_.data(), sizeof id);
    return id == 0 ? 1 : id;
  }

 private:
  std::array<uint8_t, 64> both_{};
};

/// Reads a piece as whole as the file allows. Errors: kSystem.
Result<size_t> read_piece(int fd, std::vector<char>& piece, const std::string& path) {
  size_t size = 0;
  while (size < piece.size()) {
    const ssize_t got = ::read(fd, piece.data() + size, piece.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_sys(errno, "cannot read " + path);
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  return size;
}

std::unexpected<Error> at_line(const std::string& path, Error error) {
  error.detail = path + ":" + error.detail;
  return std::unexpected(std::move(error));
}

/// What reading the files gathers.
struct Gathered {
  DenyTableWriter rules;
  DenylistCounts counts;
  ContentId content;
  std::vector<DenylistInForce::File> files;
  uint32_t lines = 0;
};

Result<void> read_file(const std::string& path, Gathered& all) {
  const daphnis::uv::UniqueFd file(
      ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat about {};
  if (!file || ::fstat(file.get(), &about) != 0) return fail_sys(errno, "cannot open " + path);
  if (!S_ISREG(about.st_mode)) return fail(Errc::kInvalid, path + " is not a regular file");
  all.files.push_back({.name = path, .lines_before = all.lines});
  all.rules.begin_file(all.lines);
  DenylistParser parser(all.rules);
  std::vector<char> piece(kPieceBytes);
  while (true) {
    const auto size = read_piece(file.get(), piece, path);
    if (!size) return std::unexpected(size.error());
    if (*size == 0) break;
    const std::string_view text(piece.data(), *size);
    all.content.add(as_bytes(text));
    if (auto read = parser.on_text(text); !read) return at_line(path, std::move(read.error()));
  }
  all.content.add({});  // Where one file ends and the next begins matters.
  if (auto read = parser.on_end(); !read) return at_line(path, std::move(read.error()));
  all.lines += parser.lines();
  all.counts.add(parser.counts());
  return {};
}

Result<Gathered> gather(const std::vector<std::string>& files) {
  Gathered all;
  for (const std::string& path : files) {
    if (auto read = read_file(path, all); !read) return std::unexpected(std::move(read.error()));
  }
  return all;
}

/// A name as spools have it (INDEX-PID-NUMBER), so that a sweep removes the file of a dead broker.
std::string next_path(const std::string& dir) {
  static std::atomic<uint64_t> number = 0;
  return fmt::format("{}/denylist-{}-{}", dir, ::getpid(), number++);
}

}  // namespace

Result<void> check_denylist(const std::vector<std::string>& files) {
  auto all = gather(files);
  return all ? Result<void>() : std::unexpected(std::move(all.error()));
}

Result<ReadDenylist> read_denylist(const DenylistSettings& settings) {
  auto all = gather(settings.files);
  if (!all) return std::unexpected(std::move(all.error()));
  struct Held {
    std::unique_ptr<daphnis::uv::SharedMemory> memory;
    DenyTable table;
  };
  const std::string path = next_path(settings.dir);
  const size_t bytes = all->rules.bytes();
  auto memory = daphnis::uv::SharedMemory::create(path, bytes);
  if (!memory) return std::unexpected(std::move(memory.error()));
  all->rules.write((*memory)->bytes(), all->content.id());
  auto table = DenyTable::open((*memory)->bytes());
  if (!table) return std::unexpected(std::move(table.error()));
  auto held = std::make_shared<Held>(Held{std::move(*memory), *table});
  const DenyTable* shared = &held->table;
  return ReadDenylist{.list = {.place = {.id = all->content.id(), .bytes = bytes, .path = path},
                               .files = std::move(all->files),
                               .table = std::shared_ptr<const DenyTable>(std::move(held), shared),
                               .rules = all->counts.rules},
                      .counts = all->counts};
}

void DenylistReload::start() {
  if (task_.is_busy()) {
    is_wanted_again_ = true;
    return;
  }
  auto read = std::make_shared<Result<ReadDenylist>>(fail(Errc::kInvalid));
  task_.start([read, settings = settings_] { *read = read_denylist(settings); },
              [this, read] {
                done_(std::move(*read));
                if (std::exchange(is_wanted_again_, false)) start();
              });
}

}  // namespace daphnis::broker::uv
