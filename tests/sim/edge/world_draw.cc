#include <algorithm>

#include "tests/sim/edge/world.h"

/// The part of the world that draws from the seed before anything happens.
namespace daphnis::sim {

void World::draw_weather() {
  Chance& chance = scene_.chance;
  const bool has_crawlers = chance.one_in(4);
  Network::Manners manners;
  constexpr size_t kCapacities[] = {700, 4096, 16 * 1024, 128 * 1024};
  const auto between = [&chance](uint64_t least, uint64_t most) {
    return static_cast<unsigned>(chance.between(least, most));
  };
  if (kind_ == Kind::kCalm) {
    const bool pipelines = !has_crawlers && chance.one_in(2);
    scene_.weather = {.is_calm = true, .pipelined_one_in = pipelines ? 2U : 0U};
    has_only_v2_ = chance.one_in(2);
    manners = {.capacity = size_t{has_crawlers ? 16U : 64U} * 1024, .is_quick = true};
  } else if (kind_ == Kind::kBadL2s) {
    scene_.weather = {.is_edge_sound = true,
                      .mood_one_in = between(1, 4),
                      .are_l2s_rude = true,
                      .client_leaves_one_in = between(3, 10),
                      .pipelined_one_in = between(1, 4),
                      .link_fault_one_in = between(1, 4)};
    manners = {.capacity = chance.pick(kCapacities), .is_quick = true};
  } else {
    scene_.weather = {.socket_lost_one_in = chance.one_in(2) ? 0U : between(2, 12),
                      .mood_one_in = chance.one_in(5) ? 0U : between(1, 6),
                      .are_l2s_rude = true,
                      .client_leaves_one_in = between(2, 8),
                      .pipelined_one_in = between(1, 4),
                      .link_fault_one_in = chance.one_in(3) ? 0U : between(1, 5)};
    manners = {.capacity = chance.pick(kCapacities),
               .is_quick = chance.one_in(2),
               .bytewise_one_in = chance.one_in(3) ? 8U : 0U};
    // On a slow network an honest L2 may come too late.
    scene_.weather.is_edge_sound =
        scene_.weather.socket_lost_one_in == 0 && manners.is_quick && manners.bytewise_one_in == 0;
  }
  scene_.weather.has_crawlers = has_crawlers;
  if (kind_ != Kind::kCalm) troubles_left_ = chance.one_in(4) ? 0U : between(1, 8);
  scene_.network.set_manners(manners);
}

void World::draw_settings() {
  Chance& chance = scene_.chance;
  // The deadlines are shorter than an operator's, so that a run sees each of them pass.
  worker_settings_.client_head_ms = 5'000;
  worker_settings_.client_idle_ms = 20'000;
  worker_settings_.l2_first_block_ms = 3'000;
  worker_settings_.l2_idle_ms = 4'000;
  worker_settings_.request_ms = 10'000;
  worker_settings_.broker_wait_ms = 1'000;
  constexpr size_t kHigh[] = {2'048, 20'000, 1 << 20};
  worker_settings_.output_high_bytes = chance.pick(kHigh);
  worker_settings_.l2_slow_ms = chance.one_in(2) ? 1'000 : 3'000;
  const bool is_generous = kind_ == Kind::kBadL2s || chance.one_in(2);
  if (is_generous) {
    // Each L2 can be tried, also after all others were silent.
    broker_settings_.tries_max = 3 * kL2s;
    worker_settings_.request_ms = 40'000;
    scene_.weather.patience_ms = 150'000;
  }
  const bool is_scarce = kind_ == Kind::kStorm && chance.one_in(5);
  if (is_scarce) worker_settings_.requests_max = 4;
  if (!is_generous || is_scarce) scene_.weather.is_edge_sound = false;
}

void World::draw_l2s() {
  Chance& chance = scene_.chance;
  const auto surely_steady = static_cast<unsigned>(chance.below(kL2s));
  for (unsigned i = 0; i < kL2s; ++i) {
    bool is_steady = kind_ != Kind::kCalm && chance.one_in(5);
    if (kind_ == Kind::kBadL2s && i == surely_steady) is_steady = true;
    traits_.push_back(draw_l2(i, is_steady));
  }
}

L2Node::Traits World::draw_l2(unsigned number, bool is_steady) {
  Chance& chance = scene_.chance;
  L2Node::Traits traits;
  traits.is_steady = is_steady;
  l2::SessionSettings& settings = traits.settings;
  settings.l2_id = "home-" + std::to_string(number);
  const bool is_legacy = !has_only_v2_ && !is_steady && chance.one_in(3);
  settings.generation = is_legacy ? l2::Generation::kLegacy : l2::Generation::kV2;
  // A steady L2 has a place for everyone, so that no fetch waits for one.
  if (!is_legacy) settings.capacity = is_steady ? 64 : static_cast<uint32_t>(chance.between(1, 4));
  traits.address = "10.0.0." + std::to_string(chance.one_in(3) ? 1 : number + 1);
  for (size_t dag = 0; dag < Content::instance().dags.size(); ++dag) {
    const bool is_held = is_steady ? !chance.one_in(4) : chance.one_in(2);
    if (is_held) traits.dags.insert(dag);
  }
  traits.skips = chance.one_in(2);
  traits.has_hole = kind_ != Kind::kCalm && !is_steady && chance.one_in(6);
  traits.has_faulty_link = !is_steady && chance.one_in(2);
  return traits;
}

void World::draw_clients() {
  Chance& chance = scene_.chance;
  const std::vector<Wish>& wishes = Content::instance().wishes;
  // There are few different requests, so that several clients send the same one at once.
  for (uint64_t left = chance.between(2, 8); left > 0; --left)
    asked_.push_back(&chance.pick(wishes));
  if (has_disk_) {
    // Whole DAGs are asked for, whose files also serve sub-DAG hits.
    for (const Wish& wish : wishes) {
      if (wish.is_whole_dag && chance.one_in(3)) asked_.push_back(&wish);
    }
    for (const Wish* wish : asked_) {
      if (chance.one_in(3)) draw_crowd(wish);
    }
  }
  const Wish* last = nullptr;
  for (uint64_t left = chance.between(6, scene_.weather.has_crawlers ? 10 : 20); left > 0; --left) {
    last = last && chance.one_in(3) ? last : chance.pick(asked_);
    add_client(draw_client(last));
  }
}

Client::Plan World::draw_client(const Wish* wanted) {
  Chance& chance = scene_.chance;
  Client::Plan plan;
  const uint64_t within_ms = has_disk_ ? 15'000 : 6'000;
  plan.begins_ms = scene_.clock.now_ms() + 2'500 + (chance.one_in(3) ? 0 : chance.below(within_ms));
  plan.worker = static_cast<unsigned>(chance.below(kWorkers));
  plan.wishes.push_back(wanted);
  plan.is_http_1_0 = chance.one_in(6);
  plan.is_head = chance.one_in(10);
  if (!plan.is_http_1_0) {
    for (uint64_t more = chance.below(4); more > 0; --more)
      plan.wishes.push_back(chance.pick(asked_));
    plan.is_pipelined = chance.one_in(3);
  }
  // A delivery that was pipelined behind one for a slow client comes too late.
  bool may_be_slow = kind_ != Kind::kCalm || scene_.weather.pipelined_one_in == 0;
  // Without a spool a slow client keeps an L2 busy for as long as it reads.
  constexpr size_t kLargeBytes = 500'000;
  const auto is_large = [](const Wish* wish) { return wish->answer.size() > kLargeBytes; };
  if (kind_ == Kind::kCalm && std::ranges::any_of(plan.wishes, is_large)) may_be_slow = false;
  plan.is_slow = may_be_slow && chance.one_in(5);
  if (chance.one_in(scene_.weather.client_leaves_one_in)) {
    plan.leaves_after_bytes =
        chance.one_in(3) ? 0 : chance.below(chance.one_in(2) ? 1'000 : 60'000);
  }
  plan.ends_its_side = chance.one_in(5);
  return plan;
}

void World::draw_troubles() {
  if (troubles_left_ > 0) trouble_.after(scene_.chance.below(6'000));
}

}  // namespace daphnis::sim
