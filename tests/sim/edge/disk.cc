#include "tests/sim/edge/disk.h"

#include <algorithm>
#include <cerrno>

namespace daphnis::sim {

int Disk::fail_write(int error) {
  ++faults_.writes;
  return error;
}

int Disk::trouble() {
  if (sick_ != 0) return sick_;
  if (!chance_.one_in(manners_.write_fails_one_in)) return 0;
  return chance_.one_in(2) ? EIO : ENOSPC;
}

int Disk::create(const std::string& path, InodeRef& out) {
  if (names_.contains(path)) return EEXIST;
  if (const int error = trouble(); error != 0) return fail_write(error);
  if (inodes().size() >= manners_.inodes_max) return fail_write(ENOSPC);
  out = std::make_shared<Inode>();
  out->number = ++last_number_;
  out->name = path;
  out->changed_ms = clock_.now_ms();
  names_[path] = out;
  inodes_[out->number] = out;
  return 0;
}

int Disk::open(const std::string& path, InodeRef& out) const {
  out = find(path);
  return out ? 0 : ENOENT;
}

int Disk::write(Inode& inode, uint64_t offset, std::string_view bytes) {
  int error = trouble();
  size_t size = bytes.size();
  if (error != 0) size = static_cast<size_t>(chance_.below(size + 1));
  const uint64_t used = used_bytes();
  const uint64_t free = manners_.capacity - std::min(manners_.capacity, used);
  const uint64_t held = inode.bytes.empty() ? offset : inode.bytes.size();
  if (offset + size > held && offset + size - held > free) {
    error = ENOSPC;
    size = static_cast<size_t>(std::max(held + free, offset) - offset);
  }
  if (size > 0) {
    if (inode.bytes.empty()) inode.hole = offset;
    inode.bytes.resize(std::max<size_t>(inode.bytes.size(), offset + size));
    inode.bytes.replace(offset, size, bytes.substr(0, size));
    inode.changed_ms = clock_.now_ms();
  }
  return error == 0 ? 0 : fail_write(error);
}

int Disk::read(const Inode& inode, uint64_t offset, size_t size, std::string& out) {
  if (chance_.one_in(manners_.read_fails_one_in)) {
    ++faults_.reads;
    return EIO;
  }
  if (offset < inode.bytes.size()) out.append(inode.bytes, offset, size);
  return 0;
}

int Disk::rename(const std::string& from, const std::string& to) {
  const auto found = names_.find(from);
  if (found == names_.end()) return ENOENT;
  if (const int error = trouble(); error != 0) return fail_write(error);
  const InodeRef inode = std::move(found->second);
  names_.erase(found);
  unlink(to);
  inode->name = to;
  names_[to] = inode;
  return 0;
}

int Disk::unlink(const std::string& path) {
  const auto found = names_.find(path);
  if (found == names_.end()) return ENOENT;
  found->second->name.clear();
  names_.erase(found);
  return 0;
}

std::vector<std::string> Disk::list(std::string_view prefix) const {
  std::vector<std::string> paths;
  for (auto at = names_.lower_bound(std::string(prefix));
       at != names_.end() && at->first.starts_with(prefix); ++at) {
    paths.push_back(at->first);
  }
  return paths;
}

Disk::InodeRef Disk::find(const std::string& path) const {
  const auto found = names_.find(path);
  return found == names_.end() ? nullptr : found->second;
}

std::vector<Disk::InodeRef> Disk::inodes() {
  std::vector<InodeRef> alive;
  std::erase_if(inodes_, [&](const auto& entry) {
    if (InodeRef inode = entry.second.lock()) {
      alive.push_back(std::move(inode));
      return false;
    }
    return true;
  });
  return alive;
}

uint64_t Disk::used_bytes() {
  uint64_t used = 0;
  for (const InodeRef& inode : inodes()) used += inode->disk_bytes();
  return used;
}

uint64_t Disk::delay_ms() {
  if (!chance_.one_in(manners_.slow_one_in)) return chance_.below(4);
  return chance_.one_in(20) ? chance_.between(3'000, 14'000) : chance_.between(20, 1'500);
}

}  // namespace daphnis::sim
