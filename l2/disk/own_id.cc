#include "l2/disk/own_id.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "common/base/limits.h"
#include "common/base/names.h"
#include "common/base/uuid.h"
#include "l2/disk/file.h"

namespace daphnis::l2 {
namespace {

Result<std::string> read_id(const std::string& path) {
  const auto file = File::open_to_read(path);
  if (!file) return std::unexpected(file.error());
  std::array<uint8_t, limits::kL2IdBytesMax + 2> bytes;
  const auto size = file->read_at(0, bytes);
  if (!size) return std::unexpected(size.error());
  std::string_view id = as_text(Bytes(bytes).first(*size));
  while (id.ends_with('\n') || id.ends_with('\r')) id.remove_suffix(1);
  if (!is_name(id)) {
    return fail(Errc::kMalformed, path + " holds no L2 id (1 to 64 of A-Z a-z 0-9 . _ -)");
  }
  return std::string(id);
}

}  // namespace

Result<std::string> own_id(const std::string& store) {
  const std::string path = store + "/.daphnis-l2-id";
  auto kept = read_id(path);
  if (kept || kept.error().code != Errc::kNotFound) return kept;

  Uuid random;
  if (getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
    return fail_sys(errno, "no random bytes");
  }
  std::string id = text_of(uuid_v4(random));
  // The id is written under another name first, so that a crash cannot leave half an id.
  const std::string fresh = path + ".new";
  const File file(open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), fresh);
  if (file.fd() < 0)
    return fail_sys(errno, "cannot keep the L2 id in " + fresh + " (--id gives one)");
  if (auto written = file.write(as_bytes(id + "\n")); !written) {
    return std::unexpected(written.error());
  }
  if (fsync(file.fd()) != 0 || rename(fresh.c_str(), path.c_str()) != 0) {
    return fail_sys(errno, "cannot keep the L2 id in " + path);
  }
  return id;
}

}  // namespace daphnis::l2
