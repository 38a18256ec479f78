#include "common/uv/pool_task.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <thread>

namespace daphnis::uv {
namespace {

TEST_CASE("work runs in another thread and its end is reported on the loop") {
  Loop loop;
  PoolTask task(loop);
  std::thread::id worked;
  std::thread::id told;
  task.start([&] { worked = std::this_thread::get_id(); },
             [&] { told = std::this_thread::get_id(); });
  CHECK(task.is_busy());
  while (task.is_busy()) loop.run_once();
  CHECK(told == std::this_thread::get_id());
  CHECK(worked != told);
}

TEST_CASE("the end of one piece of work may start the next") {
  Loop loop;
  PoolTask task(loop);
  int rounds = 0;
  std::function<void()> next = [&] {
    task.start([&] { ++rounds; },
               [&] {
                 if (rounds < 100) next();
               });
  };
  next();
  while (task.is_busy()) loop.run_once();
  CHECK(rounds == 100);
}

TEST_CASE("the end of work whose owner is gone is not reported") {
  auto is_done = std::make_shared<std::atomic<bool>>(false);
  bool was_told = false;
  {
    Loop loop;
    auto task = std::make_unique<PoolTask>(loop);
    std::atomic<bool> has_begun = false;
    task->start(
        [is_done, &has_begun] {
          has_begun = true;
          std::this_thread::sleep_for(std::chrono::milliseconds(50));
          *is_done = true;
        },
        [&] { was_told = true; });
    while (!has_begun) std::this_thread::yield();
    task.reset();
    // The loop's destructor waits for the thread pool.
  }
  CHECK(*is_done);
  CHECK_FALSE(was_told);
}

}  // namespace
}  // namespace daphnis::uv
