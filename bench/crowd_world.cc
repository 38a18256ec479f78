#include "bench/crowd_world.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <variant>

#include "bench/crowd_parts.h"
#include "common/ipld/multihash_key.h"

namespace daphnis::bench {
namespace {

using broker::WorkerFetchId;

constexpr broker::WorkerId kWorker{1};
constexpr uint32_t kCapacity = 16;
constexpr double kMedianLatencyMs = 60;
constexpr double kLatencySpread = 0.6;  ///< The standard deviation of its logarithm.
constexpr double kSlowShare = 0.02;     ///< The part of the honest L2s with kSlowLatencyMs.
constexpr uint32_t kSlowLatencyMs = 2'000;
constexpr uint32_t kSybilLatencyMs = 20;
constexpr size_t kSybilNatures = 4;
constexpr size_t kRootsPerSybil = 32;
constexpr size_t kHoldersMax = 5;  ///< A root has 1 to so many holders.
constexpr uint64_t kBlockMs = 10;  ///< From the head of a POST to the proof of its one block.
constexpr uint64_t kBlockBytes = 256 * limits::kKiB;
// As the worker's settings have it.
constexpr uint32_t kRequestMs = 30'000;
constexpr uint64_t kSlowMs = 3'000;
constexpr uint64_t kFirstBlockMs = 10'000;
// An L2 that leaves comes back between these, or another one comes within the last.
constexpr double kAwayMsMin = 2'000;
constexpr double kAwayMsMax = 20'000;
constexpr double kReplacedMsMax = 2'000;
constexpr uint64_t kFirstPartMs = 60'000;
constexpr uint64_t kClientNetworks = 4'096;

broker::Settings settings_of(const CrowdOptions& options) {
  broker::Settings settings;
  settings.l2s_max = 2 * options.l2s;
  settings.registrations_per_s = 0;  // All come at once when the broker starts.
  settings.claims = options.claims;
  return settings;
}

}  // namespace

CrowdWorld::CrowdWorld(const CrowdOptions& options)
    : options_(options),
      random_(options.seed),
      present_(options.roots),
      context_{.settings = settings_of(options),
               .random =
                   [this] {
                     Uuid out{};
                     const uint64_t number = ++last_uuid_;
                     for (size_t i = 0; i < 8; ++i) out[i] = static_cast<uint8_t>(number >> 8 * i);
                     return out;
                   },
               .out = {},
               .timers = {},
               .counters = {}} {
  context_.out.set_log_level(LogLevel::kError);
  double sum = 0;
  for (size_t i = 0; i < options.roots; ++i) {
    popularity_.push_back(sum += 1 / static_cast<double>(i + 1));
  }
  make_peers();
}

void CrowdWorld::make_peers() {
  const auto sybils = static_cast<size_t>(options_.sybils * static_cast<double>(options_.l2s));
  peers_.resize(options_.l2s);
  for (size_t i = 0; i < sybils; ++i) {
    peers_[i].nature = static_cast<Nature>(1 + i % kSybilNatures);
    peers_[i].latency_ms = kSybilLatencyMs;
    const size_t host = i % options_.sybil_addresses;
    peers_[i].address = fmt::format("172.16.{}.{}", host / 256, host % 256);
    for (size_t n = 0; n < kRootsPerSybil; ++n) peers_[i].roots.push_back(draw_root());
  }
  std::uniform_int_distribution<size_t> any_honest(sybils, options_.l2s - 1);
  std::uniform_int_distribution<size_t> any_holders(1, kHoldersMax);
  for (uint64_t root = 0; root < options_.roots; ++root) {
    for (size_t left = any_holders(random_); left > 0; --left) {
      Peer& peer = peers_[any_honest(random_)];
      if (!has(peer, root)) peer.roots.push_back(root);
    }
  }
  for (Peer& peer : peers_) renew(peer);
}

/// Another L2 of the same nature and with the same content is in that one's place.
void CrowdWorld::renew(Peer& peer) {
  peer.id = fmt::format("home-{}", ++last_id_);
  if (peer.nature != Nature::kHonest) return;
  const uint64_t host = ++last_host_;
  peer.address = fmt::format("10.{}.{}.{}", host >> 16, host >> 8 & 255, host & 255);
  std::lognormal_distribution<double> latency(std::log(kMedianLatencyMs), kLatencySpread);
  peer.latency_ms =
      draw(1) < kSlowShare ? kSlowLatencyMs : static_cast<uint32_t>(std::lround(latency(random_)));
}

uint64_t CrowdWorld::draw_root() {
  const double at = draw(popularity_.back());
  const auto found = std::ranges::upper_bound(popularity_, at);
  const auto root = static_cast<size_t>(found - popularity_.begin());
  return std::min(root, popularity_.size() - 1);
}

uint64_t CrowdWorld::draw_wait_ms(double mean_ms) {
  return static_cast<uint64_t>(
      std::lround(std::exponential_distribution<double>(1 / mean_ms)(random_)));
}

bool CrowdWorld::has(const Peer& peer, uint64_t root) const {
  return std::ranges::find(peer.roots, root) != peer.roots.end();
}

CrowdPart& CrowdWorld::part_of(uint64_t at_ms) {
  return figures_.parts[at_ms < begun_ms_ + kFirstPartMs ? 0 : 1];
}

CrowdFigures CrowdWorld::run() {
  std::vector<uint32_t> order(peers_.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<uint32_t>(i);
  std::ranges::shuffle(order, random_);
  for (const uint32_t peer : order) join(peer);
  for (const Peer& peer : peers_) {
    figures_.sybils_registered += peer.l2 && peer.nature != Nature::kHonest ? 1 : 0;
  }
  figures_.moves = 0;
  figures_.move_us = figures_.longest_us = 0;
  begun_ms_ = now_ms_;
  const uint64_t end_ms = begun_ms_ + options_.seconds * 1'000;
  schedule(0, {.kind = Kind::kRequest});
  schedule(0, {.kind = Kind::kLeave});
  // What was asked until the end is answered after it.
  while (now_ms_ < end_ms || !wishes_.empty()) {
    const auto deadline_ms = context_.timers.next();
    if (deadline_ms && *deadline_ms <= events_.top().at_ms) {
      now_ms_ = std::max(now_ms_, *deadline_ms);
      pass_deadline(*context_.timers.pop_due(now_ms_));
      continue;
    }
    const Event event = events_.top();
    events_.pop();
    now_ms_ = event.at_ms;
    const bool is_over = event.kind == Kind::kRequest && now_ms_ >= end_ms;
    if (!is_over) happen(event);
  }
  figures_.with_deeds = registrations_.health().healths().with_deeds();
  figures_.registered = registrations_.registry().size();
  figures_.counters = context_.counters;
  return std::move(figures_);
}

void CrowdWorld::schedule(uint64_t in_ms, Event event) {
  event.at_ms = now_ms_ + in_ms;
  event.number = ++last_event_;
  events_.push(event);
}

void CrowdWorld::pass_deadline(const broker::Timers::Due& due) {
  // Heartbeats are the same whatever is asked for, and are not counted.
  if (due.kind == broker::TimerKind::kL2) {
    return registrations_.on_timer(broker::L2No{due.id}, now_ms_);
  }
  const Meter meter(figures_.request_us, figures_.longest_us);
  if (due.kind == broker::TimerKind::kFetch) {
    dispatcher_.on_timer(broker::FetchNo{due.id}, due.number, now_ms_);
  } else if (due.kind == broker::TimerKind::kPlaces) {
    dispatcher_.on_places_timer(broker::L2No{due.id}, now_ms_);
  } else if (due.kind == broker::TimerKind::kPlacesWanted) {
    dispatcher_.on_places_wanted_timer(broker::L2No{due.id}, now_ms_);
  }
  after_input();
}

void CrowdWorld::happen(const Event& event) {
  switch (event.kind) {
    case Kind::kRequest:
      return ask();
    case Kind::kPost:
      return post(event);
    case Kind::kStreamEnds:
      return end_stream(event);
    case Kind::kStalled: {
      const auto wish = wishes_.find(event.fetch);
      if (wish == wishes_.end() || std::ranges::count(wish->second.streams, event.attempt) == 0) {
        return;
      }
      const Meter meter(figures_.request_us, figures_.longest_us);
      dispatcher_.on_stalled(kWorker, WorkerFetchId{event.fetch}, {}, now_ms_);
      return after_input();
    }
    case Kind::kDeadline:
      return on_deadline(event);
    case Kind::kLeave:
      return leave();
    case Kind::kJoin:
      return join(event.peer);
  }
}

void CrowdWorld::ask() {
  schedule(draw_wait_ms(1'000 / options_.requests_per_s), {.kind = Kind::kRequest});
  const uint64_t fetch = ++last_fetch_;
  const bool is_absent = draw(1) < options_.absent;
  const uint64_t root = is_absent ? options_.roots + fetch : draw_root();
  const bool is_there = !is_absent && present_[root] > 0;
  wishes_.emplace(fetch, Wish{.begun_ms = now_ms_, .is_there = is_there, .streams = {}});
  if (is_there) ++part_of(now_ms_).there;
  ++figures_.requests;
  const CarRequest request{.root = cid_of(root)};
  schedule(kRequestMs, {.kind = Kind::kDeadline, .fetch = fetch});
  ipc::Fetch message{.fetch_id = fetch,
                     .request = request,
                     .key = key_of(request),
                     .trace_id = fmt::format("{}", fetch),
                     .deadline_ms = kRequestMs,
                     .client_network = 1 + random_() % kClientNetworks};
  const Meter meter(figures_.request_us, figures_.longest_us);
  static_cast<void>(dispatcher_.on_fetch(kWorker, std::move(message), now_ms_));
  after_input();
}

void CrowdWorld::on_order(uint32_t number, const broker::Order& order) {
  const Peer& peer = peers_[number];
  CrowdPart& part = part_of(now_ms_);
  ++part.orders;
  const uint64_t root = number_of(order.request.root);
  const bool is_sybil = peer.nature != Nature::kHonest;
  part.sybil_orders += is_sybil ? 1 : 0;
  part.sybil_claimed_orders += is_sybil && has(peer, root) ? 1 : 0;
  part.stranger_orders += peer.l2->is_stranger() ? 1 : 0;
  part.absent_orders += root >= options_.roots ? 1 : 0;
  if (peer.nature == Nature::kSilent) return;
  uint64_t fetch = 0;
  for (const char digit : order.trace_id) fetch = 10 * fetch + static_cast<uint64_t>(digit - '0');
  schedule(peer.latency_ms, {.kind = Kind::kPost,
                             .peer = number,
                             .session = peer.session,
                             .fetch = fetch,
                             .root = root,
                             .attempt = order.attempt_id});
}

void CrowdWorld::post(const Event& event) {
  const Peer& peer = peers_[event.peer];
  if (!peer.l2 || peer.session != event.session) return;
  const bool is_honest = peer.nature == Nature::kHonest;
  const bool is_not_found =
      peer.nature == Nature::kNotFound || (is_honest && !has(peer, event.root));
  const auto lacks = is_not_found ? std::optional(NotFound::kRoot) : std::nullopt;
  const Cid cid = cid_of(event.root);
  const Meter meter(figures_.request_us, figures_.longest_us);
  const auto decision = dispatcher_.on_delivery(event.attempt, cid, lacks, false, now_ms_);
  if (decision.verdict == broker::Dispatcher::Verdict::kHandOff) {
    static_cast<void>(dispatcher_.hand_off(event.attempt, now_ms_));
    static_cast<void>(dispatcher_.on_handoff_taken(kWorker, event.attempt));
    wishes_.at(event.fetch).streams.push_back(event.attempt);
    Event ends = event;
    ends.kind = Kind::kStreamEnds;
    schedule(peer.nature == Nature::kDrips ? kFirstBlockMs : kBlockMs, ends);
    if (peer.nature == Nature::kDrips) {
      ends.kind = Kind::kStalled;
      schedule(kSlowMs, ends);
    }
  }
  after_input();
}

void CrowdWorld::end_stream(const Event& event) {
  const auto found = wishes_.find(event.fetch);
  if (found == wishes_.end()) return;
  std::vector<Uuid>& streams = found->second.streams;
  if (std::erase(streams, event.attempt) == 0) return;
  const Peer& peer = peers_[event.peer];
  const bool is_gone = !peer.l2 || peer.session != event.session;
  const Meter meter(figures_.request_us, figures_.longest_us);
  if (is_gone) {
    report(event.fetch, event.attempt, Outcome::kAborted, streams.empty());
  } else if (peer.nature == Nature::kDrips) {
    report(event.fetch, event.attempt, Outcome::kStalled, streams.empty());
  } else if (peer.nature == Nature::kLies) {
    report(event.fetch, event.attempt, Outcome::kLied, streams.empty());
  } else {
    serve(event.fetch, event.attempt);
  }
  after_input();
}

void CrowdWorld::report(uint64_t fetch, const Uuid& attempt, Outcome outcome, bool wants_another) {
  const bool is_complete = outcome == Outcome::kComplete;
  static_cast<void>(
      dispatcher_.on_attempt_ended(kWorker,
                                   {.fetch_id = fetch,
                                    .attempt_id = attempt,
                                    .outcome = outcome,
                                    .wants_another = wants_another,
                                    .blocks_proven = is_complete ? uint64_t{1} : uint64_t{0},
                                    .body_bytes = is_complete ? kBlockBytes : 0,
                                    .duration_ms = kBlockMs,
                                    .used_bytes = is_complete ? kBlockBytes : 0},
                                   now_ms_));
}

void CrowdWorld::serve(uint64_t fetch, const Uuid& attempt) {
  const Wish wish = std::move(wishes_.extract(fetch).mapped());
  for (const Uuid& other : wish.streams) report(fetch, other, Outcome::kOvertaken, false);
  report(fetch, attempt, Outcome::kComplete, false);
  CrowdPart& part = part_of(wish.begun_ms);
  for (const auto& ended : dispatcher_.take_ended()) {
    if (ended.worker_fetch_id == WorkerFetchId{fetch}) part.served_orders += ended.attempts;
  }
  if (!wish.is_there) return;  // Its L2 has registered since.
  ++part.served;
  figures_.first_block.push_back(static_cast<uint32_t>(now_ms_ - wish.begun_ms));
}

void CrowdWorld::on_deadline(const Event& event) {
  if (!wishes_.contains(event.fetch)) return;
  const std::vector<Uuid> streams = wishes_.at(event.fetch).streams;
  const Meter meter(figures_.request_us, figures_.longest_us);
  refuse(event.fetch, row_of(Outcome::kDeadline).client.status);
  dispatcher_.on_cancel(kWorker, WorkerFetchId{event.fetch}, now_ms_);
  for (const Uuid& stream : streams) report(event.fetch, stream, Outcome::kCancelled, false);
  after_input();
}

void CrowdWorld::leave() {
  schedule(draw_wait_ms(1'000 / (options_.churn * static_cast<double>(peers_.size()))),
           {.kind = Kind::kLeave});
  const auto number = static_cast<uint32_t>(random_() % peers_.size());
  Peer& peer = peers_[number];
  if (!peer.l2) return;
  const bool is_replaced = random_() % 2 == 0;
  if (peer.nature == Nature::kHonest) {
    for (const uint64_t root : peer.roots) --present_[root];
  }
  {
    const Meter meter(figures_.move_us, figures_.longest_us);
    dispatcher_.on_registration_lost(*peer.l2, now_ms_);
    static_cast<void>(registrations_.remove(*std::exchange(peer.l2, nullptr), "left", now_ms_));
    after_input();
  }
  ++figures_.moves;
  if (is_replaced) renew(peer);
  const double away_ms =
      is_replaced ? draw(kReplacedMsMax) : kAwayMsMin + draw(kAwayMsMax - kAwayMsMin);
  schedule(static_cast<uint64_t>(away_ms), {.kind = Kind::kJoin, .peer = number});
}

void CrowdWorld::join(uint32_t number) {
  Peer& peer = peers_[number];
  const Meter meter(figures_.move_us, figures_.longest_us);
  ++figures_.moves;
  auto opened = registrations_.open(
      {.l2_id = peer.id, .capabilities = broker::kV2Capabilities, .capacity = kCapacity},
      std::make_unique<CrowdLine>([this, number](const auto& order) { on_order(number, order); }),
      peer.address, now_ms_);
  if (!opened) return;  // Of a network with limits::kL2sPerAddress.
  peer.l2 = opened->l2;
  ++peer.session;
  dispatcher_.on_registered();
  for (const uint64_t root : peer.roots) {
    const uint64_t key = key_of_multihash(cid_of(root));
    const auto announced = registrations_.claims().announce(*peer.l2, key, now_ms_);
    if (announced == broker::Claims::Announced::kKept) dispatcher_.on_announced(key);
    if (peer.nature == Nature::kHonest) ++present_[root];
  }
  after_input();
}

void CrowdWorld::after_input() {
  dispatcher_.reroute(now_ms_);
  static_cast<void>(dispatcher_.take_ended());
  std::vector<broker::Command> commands;
  context_.out.drain(commands);
  for (const broker::Command& command : commands) {
    const auto* sent = std::get_if<broker::SendWorker>(&command);
    const auto* failed = sent ? std::get_if<ipc::FetchFailed>(&sent->message) : nullptr;
    if (failed) refuse(failed->fetch_id, row_of(failed->reason).client.status);
  }
}

void CrowdWorld::refuse(uint64_t fetch, int status) {
  const auto found = wishes_.find(fetch);
  if (found == wishes_.end()) return;
  CrowdPart& part = part_of(found->second.begun_ms);
  ++(found->second.is_there ? part.refused : part.absent_refused)[status];
  wishes_.erase(found);
}

}  // namespace daphnis::bench
