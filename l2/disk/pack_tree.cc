#include "l2/disk/pack_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "common/request/car_request.h"

namespace daphnis::l2 {
namespace {

std::unexpected<Error> cannot_list(const std::string& path) {
  return fail_sys(errno, "cannot list " + path);
}

}  // namespace

Result<PackTree> PackTree::read(const std::string& path, const PackSettings& settings) {
  PackTree tree;
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return fail(Errc::kNotFound, "there is no " + path);
    return fail_sys(errno, "cannot look at " + path);
  }
  tree.items_.push_back({.path = path, .name = {}, .is_folder = S_ISDIR(status.st_mode)});
  // list() appends to items_ within this loop.
  for (size_t i = 0; i < tree.items_.size(); ++i) {
    auto done = tree.items_[i].is_folder ? tree.list(i, settings) : read_file(tree.items_[i]);
    if (!done) return std::unexpected(done.error());
  }
  for (size_t i = tree.items_.size(); i-- > 0;) {
    if (!tree.items_[i].is_folder) continue;
    if (auto sealed = tree.seal_folder(tree.items_[i]); !sealed) {
      return std::unexpected(sealed.error());
    }
  }
  tree.totals_.root = tree.items_.front().node.cid;
  tree.totals_.files = static_cast<uint64_t>(
      std::ranges::count_if(tree.items_, [](const Item& item) { return !item.is_folder; }));
  return tree;
}

Result<void> PackTree::list(size_t folder, const PackSettings& settings) {
  const std::string path = items_[folder].path;
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(opendir(path.c_str()), closedir);
  if (!listing) return cannot_list(path);
  std::vector<Item> found;
  while (true) {
    errno = 0;
    const dirent* entry = readdir(listing.get());
    if (!entry && errno != 0) return cannot_list(path);
    if (!entry) break;
    std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (name.starts_with('.') && !settings.with_hidden) {
      ++totals_.hidden_left_out;
      continue;
    }
    struct stat status {};
    if (fstatat(dirfd(listing.get()), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      return fail_sys(errno, "cannot look at " + path + "/" + name);
    }
    if (!S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode)) {
      ++totals_.others_left_out;
      continue;
    }
    if (!is_path_segment(name)) {
      return fail(Errc::kInvalid, "a name in " + path + " is not UTF-8: " + name);
    }
    found.push_back(
        {.path = path + "/" + name, .name = std::move(name), .is_folder = S_ISDIR(status.st_mode)});
  }
  std::ranges::sort(found, {}, &Item::name);  // Sorted by bytes, as dag-pb demands.
  for (Item& item : found) {
    items_[folder].children.push_back(items_.size());
    items_.push_back(std::move(item));
  }
  return {};
}

Result<void> PackTree::read_file(Item& item) {
  const auto file = File::open_to_read(item.path);
  if (!file) return std::unexpected(file.error());
  const auto stamp = file->stamp();
  if (!stamp) return std::unexpected(stamp.error());
  item.stamp = *stamp;
  std::vector<uint8_t> leaf(static_cast<size_t>(std::min<uint64_t>(stamp->size, kLeafBytes)));
  for (uint64_t at = 0; at < stamp->size; at += leaf.size()) {
    leaf.resize(static_cast<size_t>(std::min<uint64_t>(stamp->size - at, kLeafBytes)));
    const auto got = file->read_at(at, leaf);
    if (!got) return std::unexpected(got.error());
    if (*got < leaf.size()) return fail(Errc::kUnexpected, item.path + " shrank while it was read");
    item.tree.add_leaf(leaf);
  }
  item.tree.finish();
  item.node = item.tree.root();
  return {};
}

std::vector<uint8_t> PackTree::folder_block(const Item& folder) const {
  std::vector<DagEntry> entries;
  entries.reserve(folder.children.size());
  for (const size_t child : folder.children) {
    entries.push_back({items_[child].name, items_[child].node});
  }
  return encode_directory(entries);
}

Result<void> PackTree::seal_folder(Item& folder) {
  const std::vector<uint8_t> block = folder_block(folder);
  if (block.size() > limits::kBlockBytesMax) {
    return fail(Errc::kTooLarge, folder.path + " has " + std::to_string(folder.children.size()) +
                                     " entries, more than fit into one block of 2 MiB: "
                                     "spread them over sub-folders");
  }
  std::vector<DagNode> below;
  below.reserve(folder.children.size());
  for (const size_t child : folder.children) below.push_back(items_[child].node);
  folder.node = node_above(below, block);
  return {};
}

}  // namespace daphnis::l2
