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

/// The file system of the machine that all nodes run on: names, and inodes that live and take space
/// as long as a name or an open file refers to them. It knows nothing of processes and survives
/// their deaths; an operation that was under way then stays half done. All folders exist. Errors
/// are errno values, 0 for none. Owned by the scene.
class Disk {
 public:
  struct Manners {
    uint64_t capacity = UINT64_MAX;   ///< The most bytes of all files.
    size_t inodes_max = SIZE_MAX;     ///< The most files.
    unsigned write_fails_one_in = 0;  ///< Writes that fail halfway, with EIO or ENOSPC; 0: none.
    unsigned read_fails_one_in = 0;   ///< Reads that fail, with EIO; 0: none.
    unsigned slow_one_in = 0;         ///< Steps that take up to seconds; 0: none.
    unsigned cold_one_in = 3;         ///< Reads that have to wait for the disk.
  };
  struct Inode : std::enable_shared_from_this<Inode> {
    uint64_t number = 0;
    std::string name;  ///< Its path; empty: it is unlinked.
    std::string bytes;
    uint64_t hole = 0;  ///< Bytes at the start that were never written and take no space.
    uint64_t changed_ms = 0;

    [[nodiscard]] uint64_t disk_bytes() const {
      return bytes.size() - std::min(hole, bytes.size());
    }
  };
  using InodeRef = std::shared_ptr<Inode>;
  /// How many operations failed, by the chances above or for lack of space.
  struct Faults {
    uint64_t writes = 0;
    uint64_t reads = 0;
  };

  Disk(Clock& clock, Chance& chance) : clock_(clock), chance_(chance) {}

  [[nodiscard]] int create(const std::string& path, InodeRef& out);
  [[nodiscard]] int open(const std::string& path, InodeRef& out) const;
  /// Writes all bytes, or a part of them or none and returns an error.
  [[nodiscard]] int write(Inode& inode, uint64_t offset, std::string_view bytes);
  /// Appends up to `size` bytes to `out`; fewer where the file ends.
  [[nodiscard]] int read(const Inode& inode, uint64_t offset, size_t size, std::string& out);
  /// A file that had the name `to` before loses it.
  [[nodiscard]] int rename(const std::string& from, const std::string& to);
  /// ENOENT where there is no such file; no other error.
  int unlink(const std::string& path);
  /// The paths that begin so, in order.
  [[nodiscard]] std::vector<std::string> list(std::string_view prefix) const;
  [[nodiscard]] InodeRef find(const std::string& path) const;
  /// All inodes that take space, named or open, the oldest first.
  [[nodiscard]] std::vector<InodeRef> inodes();
  [[nodiscard]] uint64_t used_bytes();

  void set_manners(const Manners& manners) { manners_ = manners; }
  [[nodiscard]] const Manners& manners() const { return manners_; }
  /// Makes all writing operations fail with this error from now on; 0: no longer.
  void set_sick(int error) { sick_ = error; }
  [[nodiscard]] bool is_sick() const { return sick_ != 0; }
  /// How long one step of work takes.
  [[nodiscard]] uint64_t delay_ms();
  [[nodiscard]] bool is_cold() { return chance_.one_in(manners_.cold_one_in); }
  [[nodiscard]] const Faults& faults() const { return faults_; }

 private:
  [[nodiscard]] int fail_write(int error);
  /// Draws the error of a writing operation; 0: it succeeds.
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
