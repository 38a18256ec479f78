#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/edge/chance.h"
#include "tests/sim/edge/clock.h"

namespace daphnis::sim {

/// The file system of the machine all nodes run on: names, and inodes that live and take room as
/// long as a name or an open file refers to them. Knows nothing of processes, so it survives their
/// deaths; what one of them had under way is done as far as it came. Folders are always there.
/// Errors are of errno, 0 for none. Owned by the scene.
class Disk {
 public:
  struct Manners {
    uint64_t capacity = UINT64_MAX;   ///< Bytes of all files.
    size_t inodes_max = SIZE_MAX;     ///< Files.
    unsigned write_fails_one_in = 0;  ///< In the middle, with EIO or ENOSPC. 0: never, as below.
    unsigned read_fails_one_in = 0;   ///< With EIO.
    unsigned slow_one_in = 0;         ///< Steps that take up to seconds.
    unsigned cold_one_in = 3;         ///< Reads that have to wait.
  };
  struct Inode : std::enable_shared_from_this<Inode> {
    uint64_t number = 0;
    std::string name;  ///< Its path; empty: it is unlinked.
    std::string bytes;
    uint64_t hole = 0;  ///< Bytes in front that were never written and take no room.
    uint64_t changed_ms = 0;

    [[nodiscard]] uint64_t room() const { return bytes.size() - std::min(hole, bytes.size()); }
  };
  using InodeRef = std::shared_ptr<Inode>;
  /// What failed, by the chances above or for want of room.
  struct Faults {
    uint64_t writes = 0;
    uint64_t reads = 0;
  };

  Disk(Clock& clock, Chance& chance) : clock_(clock), chance_(chance) {}

  [[nodiscard]] int create(const std::string& path, InodeRef& out);
  [[nodiscard]] int open(const std::string& path, InodeRef& out) const;
  /// Writes all of it, or an error and perhaps a part.
  [[nodiscard]] int write(Inode& inode, uint64_t offset, std::string_view bytes);
  /// Appends up to `size` bytes to `out`; fewer where the file ends.
  [[nodiscard]] int read(const Inode& inode, uint64_t offset, size_t size, std::string& out);
  /// What had that name before loses it.
  [[nodiscard]] int rename(const std::string& from, const std::string& to);
  /// ENOENT where there is no such file; no other error.
  int unlink(const std::string& path);
  /// The paths that begin so, in order.
  [[nodiscard]] std::vector<std::string> list(std::string_view prefix) const;
  [[nodiscard]] InodeRef find(const std::string& path) const;
  /// All that take room, named or open, oldest first.
  [[nodiscard]] std::vector<InodeRef> inodes();
  [[nodiscard]] uint64_t used_bytes();

  void set_manners(const Manners& manners) { manners_ = manners; }
  [[nodiscard]] const Manners& manners() const { return manners_; }
  /// From now on all that writes fails so; 0: no longer.
  void set_sick(int error) { sick_ = error; }
  [[nodiscard]] bool is_sick() const { return sick_ != 0; }
  /// For one step of work.
  [[nodiscard]] uint64_t delay_ms();
  [[nodiscard]] bool is_cold() { return chance_.one_in(manners_.cold_one_in); }
  [[nodiscard]] const Faults& faults() const { return faults_; }

 private:
  [[nodiscard]] int fail_write(int error);
  /// An error of the disk's own for something that writes; 0: it goes well.
  [[nodiscard]] int trouble();

  Clock& clock_;
  Chance& chance_;
  Manners manners_;
  std::map<std::string, InodeRef> names_;
  std::map<uint64_t, std::weak_ptr<Inode>> inodes_;
  uint64_t last_number_ = 0;
  int sick_ = 0;
  Faults faults_;
};

}  // namespace daphnis::sim
