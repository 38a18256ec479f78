#include "l2/disk/pack.h"

#include <sys/stat.h>

#include <vector>

#include "l2/disk/car_writer.h"
#include "l2/disk/pack_tree.h"

namespace daphnis::l2 {
namespace {

Result<void> put_file(CarWriter& writer, const PackTree::Item& item) {
  const auto file = File::open_to_read(item.path);
  if (!file) return std::unexpected(file.error());
  const auto stamp = file->stamp();
  if (!stamp) return std::unexpected(stamp.error());
  const auto changed = [&item] {
    return fail(Errc::kUnexpected, item.path + " changed while it was packed: try again");
  };
  if (*stamp != item.stamp) return changed();
  std::vector<uint8_t> leaf;
  FileTree::Walk walk(item.tree);
  while (const auto step = walk.next()) {
    if (!writer.wants(step->cid)) continue;
    Bytes block = step->block;
    if (step->leaf) {
      const uint64_t at = uint64_t{*step->leaf} * kLeafBytes;
      leaf.resize(static_cast<size_t>(std::min<uint64_t>(stamp->size - at, kLeafBytes)));
      const auto got = file->read_at(at, leaf);
      if (!got) return std::unexpected(got.error());
      if (*got < leaf.size() || sha256_cid(codec::kRaw, leaf) != step->cid) return changed();
      block = leaf;
    }
    if (auto put = writer.put(step->cid, block); !put) return put;
  }
  return {};
}

bool exists(const std::string& path) {
  struct stat status {};
  return lstat(path.c_str(), &status) == 0;
}

}  // namespace

Result<Packed> pack(const std::string& path, const std::string& output,
                    const PackSettings& settings) {
  if (path == "-") {
    return fail(Errc::kInvalid,
                "standard input cannot be packed, since a file is read twice: save it to a file "
                "(a file of that name is ./-)");
  }
  const bool is_stream = output == "-";
  // The name is checked here, before the work, and again in commit().
  if (!is_stream && !settings.replaces && exists(output)) return output_exists(output);
  const auto tree = PackTree::read(path, settings);
  if (!tree) return std::unexpected(tree.error());
  const Cid& root = tree->totals().root;
  auto writer = is_stream ? CarWriter::on_standard_output(root)
                          : CarWriter::create(output, root, settings.replaces);
  if (!writer) return std::unexpected(writer.error());
  std::vector<size_t> pending{0};
  while (!pending.empty()) {
    const PackTree::Item& item = tree->items()[pending.back()];
    pending.pop_back();
    if (item.is_folder && !writer->wants(item.node.cid)) continue;  // Written with all below it.
    auto put = item.is_folder ? writer->put(item.node.cid, tree->folder_block(item))
                              : put_file(*writer, item);
    if (!put) return std::unexpected(put.error());
    pending.insert(pending.end(), item.children.rbegin(), item.children.rend());
  }
  if (auto committed = writer->commit(); !committed) return std::unexpected(committed.error());
  return tree->totals();
}

}  // namespace daphnis::l2
