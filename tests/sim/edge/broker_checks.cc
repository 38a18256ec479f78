#include <algorithm>
#include <iterator>
#include <numeric>
#include <vector>

#include "common/base/limits.h"
#include "common/cachefile/cache_file.h"
#include "tests/sim/edge/broker_node.h"

/// The part of the broker's node for what must hold at any time, and once it is at rest.
namespace daphnis::sim {

void BrokerNode::check_bounds() {
  charges_.check(core_.cache());
  check_places();
  size_t at_l2s = 0;
  size_t waiting = 0;
  core_.registrations().registry().for_each([&](const broker::L2& l2) {
    at_l2s += l2.places.attempts().size();
    waiting += l2.waiting.size();
    if (l2.places.taken() > l2.registration.capacity)
      scene_.fail(l2.id() + " is over its capacity");
    const bool takes_orders = l2.has_free_place() && !l2.is_behind(scene_.clock.now_ms());
    if (!l2.waiting.empty() && takes_orders) scene_.fail(l2.id() + " is idle and has a queue");
  });
  const broker::Dispatcher& dispatcher = core_.dispatcher();
  // Attempts may outlive their L2's registration, never the other way round.
  if (at_l2s > dispatcher.attempts().live()) scene_.fail("an L2 has an attempt nobody knows");
  if (waiting != dispatcher.waiting()) scene_.fail("the queues do not hold what waits");
  if (dispatcher.attempts().remembered() > limits::kAttemptsRememberedMax) {
    scene_.fail("too many finished attempts are remembered");
  }
  for (const auto& [id, worker] : core_.workers().all()) {
    if (worker.handoffs_awaiting > limits::kHandoffsAwaitingMax) {
      scene_.fail("too many hand-offs await one worker");
    }
  }
}

void BrokerNode::check_places() {
  const broker::Attempts& attempts = core_.dispatcher().attempts();
  std::vector<Uuid> live;
  for (const auto& [id, worker] : core_.workers().all()) {
    std::ranges::copy(attempts.of_worker(id), std::back_inserter(live));
  }
  if (live.size() != attempts.live()) scene_.fail("an attempt is nobody's");
  std::ranges::sort(live);
  std::vector<Uuid> taken;
  core_.registrations().registry().for_each([&taken](const broker::L2& l2) {
    std::ranges::copy(l2.places.attempts(), std::back_inserter(taken));
  });
  std::ranges::sort(taken);
  if (std::ranges::adjacent_find(taken) != taken.end()) scene_.fail("an order has two places");
  if (!std::ranges::includes(live, taken)) scene_.fail("a place is taken by nobody");
}

void BrokerNode::check_quiet() {
  const auto expect_none = [this](size_t count, const char* what) {
    if (count != 0) scene_.fail(fmt::format("the broker still has {} {}", count, what));
  };
  const broker::Dispatcher& dispatcher = core_.dispatcher();
  expect_none(dispatcher.fetches(), "fetches");
  expect_none(dispatcher.attempts().live(), "attempts");
  expect_none(dispatcher.waiting(), "waiting fetches");
  expect_none(core_.joins().followers(), "followers");
  for (const auto& [id, worker] : core_.workers().all()) {
    expect_none(worker.handoffs_awaiting, "awaited hand-offs");
  }
  core_.registrations().registry().for_each(
      [&](const broker::L2& l2) { expect_none(l2.places.taken(), "taken places at an L2"); });
  const size_t l2s = core_.registrations().registry().size();
  expect_none(core_.l2_server().connections() - l2s, "connections besides registrations");
  expect_none(l2s_.size() - l2s, "sockets besides registrations");

  check_files_quiet();
  const broker::Counters& counters = core_.counters();
  const uint64_t failed = std::accumulate(std::begin(counters.fetches_failed),
                                          std::end(counters.fetches_failed), uint64_t{0});
  const uint64_t ended = counters.fetches_served + counters.fetches_cancelled +
                         counters.fetches_given_up + counters.fetches_yielded +
                         counters.fetches_joined + counters.fetches_cached + counters.heirs +
                         failed;
  if (counters.fetches != ended) {
    scene_.fail(fmt::format("{} fetches have ended {} times", counters.fetches, ended));
  }
}

void BrokerNode::check_files_quiet() {
  const broker::Cache& cache = core_.cache();
  const auto expect_none = [this](uint64_t count, const char* what) {
    if (count != 0) scene_.fail(fmt::format("the broker's cache still has {} {}", count, what));
  };
  expect_none(cache.spools(), "spools");
  expect_none(cache.deferred_frees(), "deferred frees");
  expect_none(cache.spool_dir_bytes(), "bytes in the spool folder");
  if (!core_.settings().cache_dir.empty() && !folder_.is_quiet()) scene_.fail("the folder is busy");
  const std::string objects = core_.settings().cache_dir + "/objects/";
  size_t files = 0;
  for (const Disk::InodeRef& inode : scene_.disk.inodes()) {
    const std::string& name = inode->name;
    if (name.starts_with("/cache/quarantine/")) continue;
    if (!name.starts_with("/cache/objects/")) {
      scene_.fail(name.empty() ? "a file is open that has no name" : name + " is still there");
      continue;
    }
    ++files;
    RequestKey key;
    if (!parse_cache_file_name(name.substr(objects.size() + 3), key))
      scene_.fail("a name: " + name);
    const auto entry = cache.index()->find(key);
    if (!entry || entry->size != inode->bytes.size()) scene_.fail(name + " is not in the index");
    const std::string fault = fault_of_file(inode->bytes, key);
    if (!fault.empty()) scene_.fail(name + " is damaged: " + fault);
  }
  if (!cache.index()) return;
  if (cache.index()->entries() != files) scene_.fail("the index knows files that are not there");
  expect_none(cache.index()->reserved_bytes(), "bytes reserved");
  expect_none(cache.index()->waiting_bytes(), "bytes waited for");
  expect_none(cache.index()->deferred_bytes(), "bytes to be freed");
}

}  // namespace daphnis::sim
