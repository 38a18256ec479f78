#include "tests/sim/edge/world.h"

#include <algorithm>
#include <utility>

namespace daphnis::sim {
namespace {

/// Far more steps than any run needs; a run that takes more does not come to an end.
constexpr uint64_t kStepsMax = 2'000'000;
constexpr uint64_t kClientsMs = 310'000;
/// Longer than finished attempts are remembered and than any L2 waits before it returns.
constexpr uint64_t kRestMs = 65'000;
constexpr uint64_t kServiceMs = 30'000;

}  // namespace

World::World(uint64_t seed, Kind kind)
    : scene_(seed),
      kind_(kind),
      trouble_(scene_.clock, [this] { cause_trouble(); }),
      revival_(scene_.clock, [this] { revive(); }),
      operator_(scene_.clock, [this] { interfere(); }),
      cure_(scene_.clock, [this] { scene_.disk.set_sick(0); }),
      leader_death_(scene_.clock, [this] { kill_leader(); }) {
  draw_weather();
  draw_settings();
  draw_disk();
  draw_narrows();
  draw_l2s();
  draw_clients();
  draw_crawlers();
  draw_lost_leader();
  draw_troubles();
}

World::~World() = default;

void World::start_broker() {
  broker_ = std::make_unique<BrokerNode>(scene_, broker_settings_);
}

void World::start_worker(unsigned number) {
  cuts_told_[number] = 0;
  workers_[number] = std::make_unique<WorkerNode>(scene_, number, worker_settings_,
                                                  [this]() -> std::unique_ptr<Socket> {
                                                    if (!broker_) return nullptr;
                                                    auto ends = scene_.network.connect("worker");
                                                    broker_->on_worker(std::move(ends.far));
                                                    return std::move(ends.near);
                                                  });
}

void World::start_l2(unsigned number) {
  l2s_[number] = std::make_unique<L2Node>(
      scene_, traits_[number],
      [this, number](const std::string& address) -> std::unique_ptr<Socket> {
        if (!broker_) return nullptr;
        auto ends = scene_.network.connect(address, draw_fault(traits_[number]));
        broker_->on_l2(std::move(ends.far));
        return std::move(ends.near);
      });
}

/// Draws what befalls a new connection of an L2.
LinkFault World::draw_fault(const L2Node::Traits& traits) {
  Chance& chance = scene_.chance;
  if (!traits.has_faulty_link || !chance.one_in(scene_.weather.link_fault_one_in)) return {};
  return draw_link_fault(chance);
}

void World::add_client(Client::Plan plan) {
  const std::string name = "client-" + std::to_string(clients_.size());
  Client::Edge edge{
      .dial = [this, worker = plan.worker, address = plan.address]() -> std::unique_ptr<Socket> {
        if (!workers_[worker]) return nullptr;
        auto ends = scene_.network.connect(address);
        workers_[worker]->on_client(std::move(ends.far));
        return std::move(ends.near);
      },
      .is_held = [this](size_t dag) { return is_held(dag); },
      .is_promised = [this, worker = plan.worker](size_t dag) { return is_promised(worker, dag); },
      .has_cut_slow_reader =
          [this, worker = plan.worker] {
            if (!workers_[worker]) return false;
            const uint64_t cuts = workers_[worker]->core().stats().readers_cut;
            return cuts_told_[worker] < cuts && ++cuts_told_[worker] > 0;
          },
      .has_refused_a_wait =
          [this] { return broker_ && broker_->core().counters().queue_waits_refused > 0; }};
  clients_.push_back(std::make_unique<Client>(scene_, name, std::move(plan), std::move(edge)));
}

bool World::is_held(size_t dag) const {
  return std::ranges::any_of(traits_, [dag](const L2Node::Traits& traits) {
    return traits.dags.contains(dag) && !traits.has_hole;
  });
}

bool World::is_promised(unsigned worker, size_t dag) const {
  return scene_.weather.is_edge_sound && !has_died_[worker] &&
         std::ranges::any_of(traits_, [dag](const L2Node::Traits& traits) {
           return traits.is_steady && traits.dags.contains(dag);
         });
}

void World::kill_broker() {
  scene_.weather.is_edge_sound = false;
  scene_.trace("the broker dies");
  ++scene_.tally.broker_deaths;
  broker_.reset();
}

/// Other workers' clients are promised what they were before.
void World::kill_worker(unsigned number) {
  has_died_[number] = true;
  scene_.trace("worker {} dies", number);
  ++scene_.tally.worker_deaths;
  workers_[number].reset();
}

void World::cause_trouble() {
  Chance& chance = scene_.chance;
  const auto worker = static_cast<unsigned>(chance.below(kWorkers));
  const auto l2 = static_cast<unsigned>(chance.below(kL2s));
  revival_.after(chance.between(100, 4'000));
  if (--troubles_left_ > 0) trouble_.after(chance.below(3'000));
  switch (kind_ == Kind::kStorm ? chance.below(9) : 4 + chance.below(3)) {
    case 0:
    case 1:
      kill_worker(worker);
      break;
    case 2:
      if (chance.one_in(2)) kill_broker();
      break;
    case 3:
      // No broker and worker are left that know of the spools.
      kill_broker();
      for (unsigned i = 0; i < kWorkers; ++i) kill_worker(i);
      break;
    case 4:
      if (traits_[l2].is_steady) break;
      scene_.trace("home-{} is frozen", l2);
      if (l2s_[l2]) l2s_[l2]->freeze();
      break;
    default:
      if (traits_[l2].is_steady) break;
      scene_.trace("home-{} dies", l2);
      ++scene_.tally.l2_deaths;
      l2s_[l2].reset();
      break;
  }
}

void World::revive() {
  if (!broker_) start_broker();
  for (unsigned i = 0; i < kWorkers; ++i) {
    if (!workers_[i]) start_worker(i);
  }
  for (unsigned i = 0; i < kL2s; ++i) {
    if (!l2s_[i]) start_l2(i);
  }
}

void World::pass(uint64_t until_ms, bool stops_without_clients) {
  uint64_t steps = 0;
  while (scene_.faults.empty() && scene_.clock.step(until_ms)) {
    if (++steps % 8 != 0) continue;
    if (broker_) broker_->check_bounds();
    if (scene_.clock.steps() > kStepsMax) scene_.fail("it never comes to rest");
    const auto is_done = [](const auto& client) { return client->is_done(); };
    if (stops_without_clients && std::ranges::all_of(clients_, is_done)) return;
  }
}

void World::mend() {
  trouble_.stop();
  revival_.stop();
  leader_death_.stop();
  scene_.weather = {};
  scene_.network.set_manners({.capacity = 64 * 1024, .is_quick = true});
  if (kind_ != Kind::kCalm) {
    for (auto& l2 : l2s_) l2.reset();  // Some are frozen.
    for (L2Node::Traits& traits : traits_) traits.has_hole = false;
  }
  mend_disk();
  revive();
  broker_->set_limit(broker_settings_.cache_limit_bytes);
}

void World::check_quiet() {
  for (const auto& l2 : l2s_) l2->close_idle();
  pass(scene_.clock.now_ms() + 2'000, false);
  if (!scene_.faults.empty()) return;
  broker_->check_quiet();
  for (const auto& worker : workers_) worker->check_quiet();
  for (const auto& l2 : l2s_) l2->check_quiet();
  if (broker_->core().registrations().registry().size() != kL2s) {
    scene_.fail("not every L2 is registered");
  }
  if (scene_.pool.in_use() != 0) scene_.fail("read buffers are still held");
  // Only registrations and worker connections, whose heartbeats may be on their way, are left.
  if (scene_.network.connections() != kL2s + kWorkers) scene_.fail("other connections are open");
  if (scene_.network.held_bytes() > 1'000) scene_.fail("the network still holds bytes");
}

void World::check_service() {
  // An L2 is to be asked, be it one that lied, and not the cache, nor the memory of what is not
  // there.
  broker_->purge_all();
  broker_->readmit_all();
  const auto is_there = [&](const Wish& wish) {
    return wish.exists && wish.dag == asked_.front()->dag;
  };
  const auto wanted = std::ranges::find_if(Content::instance().wishes, is_there);
  pass(scene_.clock.now_ms() + 500, false);
  for (unsigned i = 0; i < kWorkers; ++i) {
    Client::Plan plan;
    plan.begins_ms = scene_.clock.now_ms();
    plan.worker = i;
    plan.wishes.push_back(&*wanted);
    plan.must_succeed = true;
    add_client(std::move(plan));
  }
  pass(scene_.clock.now_ms() + kServiceMs, true);
  const auto is_done = [](const auto& client) { return client->is_done(); };
  if (!std::ranges::all_of(clients_, is_done)) scene_.fail("a client is still waiting");
  pass(scene_.clock.now_ms() + 2'000, false);  // The last attempts end after their clients.
}

void World::check_memory() {
  // All attempts but those of check_service() are old enough to be forgotten.
  const size_t remembered = broker_->core().dispatcher().attempts().remembered();
  if (remembered > kWorkers * kL2s) {
    scene_.fail(fmt::format("{} finished attempts are still remembered", remembered));
  }
}

/// Checks that fetches were served by their first attempt: holders are asked first, but for those
/// that were passed over since no L2 of their address had delivered yet.
void World::check_first_hits() {
  const broker::Counters& counters = broker_->core().counters();
  const bool are_all_first = counters.attempts_first_hit == counters.fetches_served;
  if (!are_all_first && counters.strangers_passed_over == 0) {
    scene_.fail(fmt::format("of {} fetches only {} were served by the first L2",
                            counters.fetches_served, counters.attempts_first_hit));
  }
  if (counters.car_bytes_through_broker != 0) scene_.fail("CAR bytes went through the broker");
}

void World::run() {
  start_broker();
  revive();
  pass(scene_.clock.now_ms() + kClientsMs, true);
  mend();
  pass(scene_.clock.now_ms() + kRestMs, false);
  if (scene_.faults.empty()) check_quiet();
  if (scene_.faults.empty()) check_service();
  if (scene_.faults.empty()) check_memory();
  if (scene_.faults.empty() && has_only_v2_) check_first_hits();
  if (scene_.faults.empty() && !broker_settings_.cache_dir.empty()) check_hits();
  for (auto& worker : workers_) worker.reset();
  broker_.reset();
  std::ranges::copy(scene_.network.faults(), scene_.tally.link_faults);
  scene_.tally.reads_failed = scene_.disk.faults().reads;
  scene_.tally.writes_failed = scene_.disk.faults().writes;
  scene_.tally.steps = scene_.clock.steps();
  scene_.note(scene_.clock.steps());
}

}  // namespace daphnis::sim
