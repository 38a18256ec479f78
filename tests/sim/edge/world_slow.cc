#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

#include "common/base/limits.h"
#include "tests/sim/edge/world.h"

/// The part of the world for clients that take very little, beside others of the same object.
namespace daphnis::sim {
namespace {

/// An answer of more bytes than a window, a client's queue and its connection hold together.
constexpr size_t kLongAnswerBytes = 60'000;

}  // namespace

void World::draw_narrows() {
  if (!scene_.weather.has_crawlers) return;
  worker_settings_.fetch_window_bytes = 16 * limits::kKiB;
  Chance& chance = scene_.chance;
  worker_settings_.output_high_bytes = chance.one_in(2) ? 2'048 : 20'000;
  worker_settings_.loner_after_ms = chance.between(500, 2'000);
  worker_settings_.yield_after_ms = chance.between(1'000, 4'000);
  worker_settings_.slow_reader_window_ms = chance.between(2'000, 5'000);
  worker_settings_.loners_per_address = static_cast<size_t>(chance.between(1, 4));
  worker_settings_.loners_max = static_cast<size_t>(chance.between(1, 5));
}

/// Draws a client that stands still a few times, or that takes a few bytes at a time. It reads at
/// once after at most 25 s, and has taken more than a client must.
Client::Crawl World::draw_crawl() {
  Chance& chance = scene_.chance;
  const uint64_t crawls_ms = chance.between(8'000, 25'000);
  Client::Crawl crawl{.at_bytes = chance.below(40'000)};
  if (chance.one_in(2)) {
    crawl.pauses = static_cast<unsigned>(chance.between(1, 3));
    crawl.step_bytes = chance.between(1, 30'000);
  } else {
    crawl.pauses = static_cast<unsigned>(chance.between(20, 60));
    crawl.step_bytes = chance.between(10, 1'000);
  }
  crawl.pause_ms = crawls_ms / crawl.pauses;
  return crawl;
}

/// Lets clients ask for a long answer at once, of which some crawl; others come later for the same
/// DAG, whose L2s may be busy with those.
void World::draw_crawlers() {
  if (!scene_.weather.has_crawlers) return;
  Chance& chance = scene_.chance;
  std::vector<const Wish*> long_ones;
  for (const Wish& wish : Content::instance().wishes) {
    if (wish.answer.size() > kLongAnswerBytes) long_ones.push_back(&wish);
  }
  for (uint64_t groups = chance.between(1, 2); groups > 0; --groups) {
    const Wish* wanted = chance.pick(long_ones);
    const uint64_t begins_ms = scene_.clock.now_ms() + 2'500 + chance.below(5'000);
    const uint64_t crawlers = chance.between(1, 3);
    const uint64_t together = crawlers + chance.between(1, 3);
    const uint64_t all = together + chance.between(0, 2);
    for (uint64_t i = 0; i < all; ++i) {
      Client::Plan plan;
      plan.address = "192.0.2." + std::to_string(chance.between(7, 9));
      plan.worker = static_cast<unsigned>(chance.below(kWorkers));
      plan.wishes.push_back(wanted);
      plan.begins_ms = begins_ms + chance.below(4);
      if (i < crawlers) plan.crawl = draw_crawl();
      if (i >= together) {
        plan.begins_ms = begins_ms + chance.between(1'000, 8'000);
        const auto is_of_dag = [&](const Wish* wish) { return wish->dag == wanted->dag; };
        std::vector<const Wish*> near;
        std::ranges::copy_if(asked_, std::back_inserter(near), is_of_dag);
        if (!near.empty()) plan.wishes.front() = chance.pick(near);
      }
      add_client(std::move(plan));
    }
  }
}

/// Lets all L2s send so slowly that a long answer outlasts the time for its first output, in some
/// worlds, and has the worker that brings it to clients of both workers die in the middle.
void World::draw_lost_leader() {
  Chance& chance = scene_.chance;
  if (kind_ == Kind::kCalm || !has_disk_ || scene_.weather.has_crawlers || !chance.one_in(4))
    return;
  const bool is_storm = kind_ == Kind::kStorm;
  scene_.weather.upload_pause_ms =
      static_cast<unsigned>(is_storm ? chance.between(150, 300) : chance.between(30, 100));
  if (is_storm) {
    // An attempt takes half a minute, so that many of them outlast every client.
    broker_settings_.tries_max = limits::kTriesMax;
    scene_.weather.is_edge_sound = false;
  }
  const auto& wishes = Content::instance().wishes;
  const Wish& longest =
      *std::ranges::max_element(wishes, {}, [](const Wish& wish) { return wish.answer.size(); });
  const uint64_t begins_ms = scene_.clock.now_ms() + 2'500 + chance.below(1'000);
  for (uint64_t left = chance.between(2, 4); left > 0; --left) {
    Client::Plan plan;
    plan.worker = static_cast<unsigned>(left % kWorkers);
    plan.begins_ms = begins_ms + chance.below(400);
    plan.wishes.push_back(&longest);
    add_client(std::move(plan));
  }
  broker_settings_.cache_limit_bytes = 64 * uint64_t{limits::kMiB};  // Its spool must have space.
  const bool is_late = is_storm && chance.one_in(2);
  if (is_late) troubles_left_ = 0;  // It must live until then.
  leader_death_.after(is_late ? 4'000 + worker_settings_.request_ms : 4'000);
  leader_death_tries_ = 40;
}

void World::kill_leader() {
  for (unsigned i = 0; i < kWorkers; ++i) {
    const auto led_ms = workers_[i] ? workers_[i]->leads_for_ms() : std::nullopt;
    if (!led_ms) continue;
    ++scene_.tally.leader_deaths;
    if (*led_ms > worker_settings_.request_ms) ++scene_.tally.leader_deaths_late;
    kill_worker(i);
    revival_.after(scene_.chance.between(100, 4'000));
    return;
  }
  if (--leader_death_tries_ > 0) leader_death_.after(500);
}

}  // namespace daphnis::sim
