#include "l2/disk/unpack.h"

#include <unistd.h>

#include "l2/disk/unpack_target.h"
#include "l2/disk/unpacker.h"

namespace daphnis::l2 {
namespace {

Result<std::unique_ptr<BlockInput>> open_input(const std::string& input) {
  if (input != "-") return IndexedInput::open(input);
  const int fd = dup(STDIN_FILENO);
  if (fd < 0) return fail(Errc::kSystem, "there is no standard input");
  return StreamInput::open(File(fd, "the stream"));
}

Result<Cid> root_of(const BlockInput& input, const UnpackSettings& settings) {
  if (settings.root) return *settings.root;
  if (input.roots().size() == 1) return input.roots().front();
  return fail(Errc::kInvalid, "the CAR names " + std::to_string(input.roots().size()) +
                                  " roots: say which with --root CID");
}

}  // namespace

Result<Unpacked> unpack(const std::string& input, const std::string& path,
                        const UnpackSettings& settings) {
  auto target = UnpackTarget::create(path);
  if (!target) return std::unexpected(target.error());
  auto blocks = open_input(input);
  if (!blocks) return std::unexpected(blocks.error());
  const auto root = root_of(**blocks, settings);
  if (!root) return std::unexpected(root.error());

  OutputTree output(target->folder(), settings.bytes_max);
  Unpacker unpacker(**blocks, output,
                    input == "-" ? Unpacker::Repeats::kMayBeLeftOut : Unpacker::Repeats::kCome);
  auto done = unpacker.run(*root, UnpackTarget::kName, settings.is_interrupted);
  if (!done) return std::unexpected(done.error());
  const auto left_over = (*blocks)->finish();
  if (!left_over) return std::unexpected(left_over.error());
  if (auto committed = target->commit(); !committed) return std::unexpected(committed.error());
  return Unpacked{output.files(), output.bytes(), *left_over, (*blocks)->flaws()};
}

}  // namespace daphnis::l2
