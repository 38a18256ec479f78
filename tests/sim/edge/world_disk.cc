#include <algorithm>
#include <cerrno>
#include <string>

#include "common/base/limits.h"
#include "common/cachefile/cache_file.h"
#include "tests/sim/edge/world.h"

/// The part of the world for files: what the seed decides about the disk and the operator, and the
/// checks of the cache at the end.
namespace daphnis::sim {
namespace {

constexpr uint64_t kHitsMs = 30'000;

}  // namespace

void World::draw_disk() {
  Chance& chance = scene_.chance;
  // Where no spool can grow, slow readers hold up what they share.
  const bool may_have_files = !scene_.weather.has_crawlers || chance.one_in(2);
  const bool has_cache = may_have_files && !chance.one_in(3);
  const bool has_spool_dir = may_have_files && chance.one_in(2);
  has_disk_ = has_cache || has_spool_dir;
  if (has_cache) broker_settings_.cache_dir = "/cache";
  if (has_spool_dir) broker_settings_.spool_dir = "/spool";
  // There is space for little more than one step of a spool, so that files and spools compete.
  constexpr uint64_t kStep = limits::kSpoolStepBytes;
  constexpr uint64_t kLimits[] = {20'000,
                                  70'000,
                                  kStep + 20'000,
                                  kStep + 200'000,
                                  2 * kStep + 1'000,
                                  64 * uint64_t{limits::kMiB}};
  broker_settings_.cache_limit_bytes = chance.pick(kLimits);
  broker_settings_.spool_limit_bytes =
      chance.one_in(2) ? kStep + 100'000 : 256 * uint64_t{limits::kMiB};
  broker_settings_.cache_syncs = chance.one_in(2);
  if (chance.one_in(2)) broker_settings_.cache_policy = broker::CachePolicyKind::kLruSp;
  if (!has_disk_) return;
  constexpr size_t kWindows[] = {16 * limits::kKiB, 64 * limits::kKiB,
                                 limits::kFetchWindowBytesMax};
  worker_settings_.fetch_window_bytes = chance.pick(kWindows);
  Disk::Manners manners{.cold_one_in = static_cast<unsigned>(chance.below(4))};
  verbs_left_ = static_cast<unsigned>(chance.below(8));
  if (kind_ == Kind::kStorm) {
    const auto one_in = [&chance](uint64_t least, uint64_t most) {
      return chance.one_in(2) ? 0U : static_cast<unsigned>(chance.between(least, most));
    };
    manners.write_fails_one_in = one_in(5, 60);
    manners.read_fails_one_in = one_in(10, 100);
    manners.slow_one_in = one_in(3, 30);
    if (chance.one_in(2)) scene_.weather.scan_pause_ms = 300;
    if (chance.one_in(5)) manners.capacity = chance.between(50'000, 500'000);
    if (chance.one_in(6)) manners.inodes_max = chance.between(2, 12);
    const bool may_fail = manners.write_fails_one_in > 0 || manners.read_fails_one_in > 0 ||
                          manners.capacity > 0 || manners.inodes_max > 0 || verbs_left_ > 0;
    if (may_fail) scene_.weather.is_edge_sound = false;
  }
  scene_.disk.set_manners(manners);
  if (verbs_left_ > 0) operator_.after(chance.between(2'000, 9'000));
}

/// Lets several clients ask all workers for the same object at once.
void World::draw_crowd(const Wish* wanted) {
  Chance& chance = scene_.chance;
  const uint64_t begins_ms = scene_.clock.now_ms() + 2'500 + chance.below(12'000);
  const uint64_t spread_ms = chance.one_in(2) ? 5 : 400;
  for (uint64_t left = chance.between(2, 5); left > 0; --left) {
    Client::Plan plan = draw_client(wanted);
    plan.wishes.resize(1);
    plan.begins_ms = begins_ms + chance.below(spread_ms);
    plan.worker = static_cast<unsigned>(left % kWorkers);
    add_client(std::move(plan));
  }
}

/// Does what an operator does at random moments, and lets the disk fail.
void World::interfere() {
  Chance& chance = scene_.chance;
  const bool is_storm = kind_ == Kind::kStorm;
  if (--verbs_left_ > 0) operator_.after(chance.below(4'000));
  switch (chance.below(is_storm ? 8 : 4)) {
    case 0:
      if (broker_) broker_->purge(Content::instance().dags[chance.pick(asked_)->dag].root);
      break;
    case 1:
      if (broker_) broker_->warm(chance.pick(Content::instance().dags).root);
      break;
    case 2:
      if (broker_) broker_->purge_all();
      if (!is_storm || !chance.one_in(3)) break;
      kill_broker();  // Its tasks are lost with it.
      revival_.after(chance.between(100, 2'000));
      break;
    case 3: {
      const uint64_t limit = broker_settings_.cache_limit_bytes;
      const uint64_t bytes = chance.one_in(3) ? limit : chance.below(2 * limit);
      scene_.trace("the limit is {}", bytes);
      if (broker_) broker_->set_limit(bytes);
      break;
    }
    case 4:
    case 5:
      damage_file();
      break;
    default:
      scene_.trace("nothing can be written");
      scene_.disk.set_sick(chance.one_in(2) ? ENOSPC : EIO);
      cure_.after(chance.between(500, 9'000));
      break;
  }
}

/// Damages a file as bad sectors or another program would. A file that is cut, or whose trailer is
/// damaged, must be found out by its reader.
void World::damage_file() {
  const auto paths = scene_.disk.list("/cache/objects/");
  if (paths.empty()) return;
  std::string& bytes = scene_.disk.find(scene_.chance.pick(paths))->bytes;
  if (bytes.size() < kCacheFooterBytes) return;
  ++scene_.tally.files_damaged;
  const auto footer = read_cache_footer(as_bytes(bytes).last(kCacheFooterBytes), bytes.size());
  if (scene_.chance.one_in(2) || !footer) {
    bytes.resize(scene_.chance.below(bytes.size()));
    return;
  }
  const uint64_t at = footer->body_bytes + scene_.chance.below(footer->trailer_bytes());
  bytes[static_cast<size_t>(at)] ^= static_cast<char>(1U << scene_.chance.below(8));
}

void World::mend_disk() {
  operator_.stop();
  cure_.stop();
  scene_.disk.set_sick(0);
  scene_.disk.set_manners({});
}

/// Checks that cached content is served without L2s.
void World::check_hits() {
  for (auto& l2 : l2s_) l2.reset();
  pass(scene_.clock.now_ms() + 1'000, false);
  const size_t before = clients_.size();
  for (const Wish& wish : Content::instance().wishes) {
    const std::string path = "/cache/objects/" + cache_file_name(wish.key);
    if (!scene_.disk.find(path)) continue;
    for (unsigned i = 0; i < kWorkers; ++i) {
      Client::Plan plan;
      plan.begins_ms = scene_.clock.now_ms() + scene_.chance.below(1'000);
      plan.worker = i;
      plan.wishes.push_back(&wish);
      plan.must_succeed = plan.must_hit = true;
      add_client(std::move(plan));
    }
  }
  pass(scene_.clock.now_ms() + kHitsMs, true);
  scene_.tally.hits_without_l2 += clients_.size() - before;
  const auto is_done = [](const auto& client) { return client->is_done(); };
  if (!std::ranges::all_of(clients_, is_done)) scene_.fail("a client is still waiting");
}

}  // namespace daphnis::sim
