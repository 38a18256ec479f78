#pragma once

#include <functional>
#include <vector>

#include "tests/sim/edge/scene.h"

namespace daphnis::sim {

/// Work on the disk that another thread of a process does: parts that take time, and then the call
/// of `done` on the loop. Its destruction is the death of the process in the middle of the work.
/// Owned by the object that waits; may be destroyed in `done`.
class DiskTask {
 public:
  using Part = std::function<void()>;

  explicit DiskTask(Scene& scene) : scene_(scene), turn_(scene.clock, [this] { on_turn(); }) {}

  void start(std::vector<Part> parts, std::function<void()> done) {
    parts_ = std::move(parts);
    done_ = std::move(done);
    next_ = 0;
    started_ms_ = scene_.clock.now_ms();
    turn_.after(scene_.disk.delay_ms());
  }
  [[nodiscard]] bool is_busy() const { return done_ != nullptr; }
  [[nodiscard]] uint64_t started_ms() const { return started_ms_; }

 private:
  void on_turn() {
    if (next_ < parts_.size()) {
      parts_[next_++]();
      return turn_.after(next_ < parts_.size() ? scene_.disk.delay_ms() : scene_.chance.below(3));
    }
    parts_.clear();
    const auto done = std::exchange(done_, nullptr);
    done();
  }

  Scene& scene_;
  std::vector<Part> parts_;
  std::function<void()> done_;
  size_t next_ = 0;
  uint64_t started_ms_ = 0;
  Alarm turn_;
};

}  // namespace daphnis::sim
