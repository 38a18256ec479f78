#include "worker/fetch/fetch_table.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/proof/block_links.h"

namespace daphnis::worker {

static_assert(kBlockLinksMax <= ipc::kLinksMax);

namespace {

/// The first version in which a question can be for the cache alone.
constexpr uint16_t kLookUpVersion = 7;

}  // namespace

Fetch& FetchTable::begin(CarRequest wanted, const RequestKey& key, std::string trace_id,
                         Network client, uint64_t now_ms) {
  Fetch& fetch = add(std::move(wanted), key, std::move(trace_id), now_ms);
  fetch.set_client(client);
  by_key_.insert_or_assign(key, fetch.id());
  ask(fetch, false, now_ms);
  return fetch;
}

bool FetchTable::may_look_up() const {
  return context_.broker.is_up() && context_.broker.version() >= kLookUpVersion &&
         context_.cache.is_on();
}

Fetch& FetchTable::look_up(CarRequest wanted, const RequestKey& key, std::string trace_id,
                           uint64_t now_ms) {
  Fetch& fetch = add(std::move(wanted), key, std::move(trace_id), now_ms);
  fetch.ask_only_cache();
  ask(fetch, false, now_ms);
  return fetch;
}

Fetch& FetchTable::add(CarRequest wanted, const RequestKey& key, std::string trace_id,
                       uint64_t now_ms) {
  const auto id = numbers_.next<FetchId>();
  auto begun = std::make_unique<Fetch>(id, std::move(wanted), key, std::move(trace_id),
                                       now_ms + settings_.request_ms, context_);
  Fetch& fetch = *fetches_.emplace(id, std::move(begun)).first->second;
  context_.agenda.call_at(id, fetch.deadline_ms() + limits::kDeadlineGraceMs);
  return fetch;
}

void FetchTable::ask(Fetch& fetch, bool must_not_join, uint64_t now_ms) {
  // A broker of an earlier version would ask L2s.
  if (!context_.broker.is_up() || (fetch.asks_only_cache() && !may_look_up())) {
    return context_.agenda.call_at(fetch.id(), now_ms + settings_.broker_wait_ms);
  }
  // A cached file can carry on with output that has begun.
  must_not_join |= fetch.state() == Fetch::State::kStreaming && !fetch.asks_alone();
  // For the broker, a question whose sources have yielded is over.
  const QuestionId question_id = next_question(fetch, must_not_join || fetch.asks_alone());
  context_.broker.send(fetch.ask(question_id, must_not_join, now_ms));
}

/// The number of the fetch's next question: a new one, or that of its last question, which is the
/// fetch's own before the first.
QuestionId FetchTable::next_question(const Fetch& fetch, bool is_new) {
  const QuestionId last = fetch.question_id();
  if (!is_new) return is_none(last) ? QuestionId{std::to_underlying(fetch.id())} : last;
  asked_anew_.erase(last);
  const auto next = numbers_.next<QuestionId>();
  asked_anew_.emplace(next, fetch.id());
  return next;
}

void FetchTable::part(Fetch& fetch, uint64_t now_ms) {
  for (FetchReader* reader : fetch.stragglers(now_ms)) {
    const auto id = numbers_.next<FetchId>();
    const bool has_place =
        loners_.add(id, reader->address(), settings_.loners_per_address, settings_.loners_max);
    if (!has_place) {
      fetch.spare_or_cut(*reader, now_ms);
      continue;
    }
    ++context_.slow.readers_left;
    fetches_.emplace(id, std::make_unique<Fetch>(id, fetch, *reader, now_ms));
  }
}

void FetchTable::erase(const Fetch& fetch) {
  check(!fetch.has_readers(), "a fetch was erased that has readers");
  const FetchId id = fetch.id();
  const auto by_key = by_key_.find(fetch.key());
  if (by_key != by_key_.end() && by_key->second == id) by_key_.erase(by_key);
  asked_anew_.erase(fetch.question_id());
  asks_again_.erase(id);
  directories_.erase(id);
  loners_.remove(id);
  fetches_.erase(id);
}

void FetchTable::drop_if_unwanted(Fetch& fetch, uint64_t now_ms) {
  if (fetch.is_wanted(now_ms)) return;
  if (fetch.is_running()) {
    if (fetch.is_asked_for()) {
      context_.broker.send(ipc::CancelFetch{std::to_underlying(fetch.question_id())});
    }
    fetch.cancel(now_ms);
  }
  erase(fetch);
}

Fetch* FetchTable::find(FetchId id) const {
  const auto found = fetches_.find(id);
  return found == fetches_.end() ? nullptr : found->second.get();
}

Fetch* FetchTable::find_asked(QuestionId question_id) const {
  const auto anew = asked_anew_.find(question_id);
  const FetchId first_asked{std::to_underlying(question_id)};
  Fetch* fetch = find(anew == asked_anew_.end() ? first_asked : anew->second);
  return fetch && fetch->question_id() == question_id ? fetch : nullptr;
}

Fetch* FetchTable::find_joinable(const RequestKey& key) const {
  const auto known = by_key_.find(key);
  Fetch* fetch = known == by_key_.end() ? nullptr : find(known->second);
  return fetch && fetch->is_joinable() ? fetch : nullptr;
}

void FetchTable::on_proof_output(Proof& proof, Slices& output, uint64_t now_ms) {
  tell_links(proof);
  if (proof.fetch()) proof.fetch()->on_output(proof, output, now_ms);
}

/// Tells the broker what the block links to that the proof is about to put out. The message goes
/// out before that block does, so that a client that has it cannot ask for a link before, at
/// whatever worker.
void FetchTable::tell_links(Proof& proof) {
  std::vector<uint64_t> keys = proof.take_links();
  if (keys.empty() || !proof.is_from_this_broker()) return;
  context_.broker.send_first(ipc::Links{.attempt_id = proof.attempt().id, .keys = std::move(keys)});
}

void FetchTable::on_proof_skips(Proof& proof, uint64_t visits, uint64_t now_ms) {
  if (proof.fetch()) proof.fetch()->on_source_skips(proof, visits, now_ms);
}

void FetchTable::on_proof_begins_elsewhere(Proof& proof) {
  if (proof.fetch()) proof.fetch()->on_source_begins_elsewhere(proof);
}

void FetchTable::on_proof_slow(Proof& proof, uint64_t) {
  // A broker that does not know the attempt does not know the fetch either.
  if (!proof.fetch() || !proof.is_from_this_broker()) return;
  if (!proof.fetch()->takes_source()) return;
  context_.broker.send(
      ipc::FetchStalled{std::to_underlying(proof.attempt().question_id), proof.fetch()->resume()});
}

void FetchTable::on_proof_whole(Proof& proof, uint64_t now_ms) {
  Fetch* fetch = proof.fetch();
  if (!fetch) return;
  std::optional<CarRequest> directory = directory_to_keep(proof);
  const std::string trace_id = fetch->trace_id();
  fetch->on_whole(proof, now_ms);
  drop_if_unwanted(*fetch, now_ms);
  keep_directory(std::move(directory), trace_id, now_ms);
}

std::optional<CarRequest> FetchTable::directory_to_keep(const Proof& proof) const {
  const std::optional<size_t> found = proof.missing_after();
  if (!found || !context_.cache.is_on() || settings_.keeps_directories == RuleMode::kOff) {
    return std::nullopt;
  }
  const CarRequest& asked = proof.fetch()->request();
  // A directory of one block; those of HAMT shards are known here by their first block alone.
  CarRequest directory{.root = asked.root, .path = asked.path, .scope = DagScope::kBlock};
  directory.path.resize(*found);
  return is_forgeable(directory.root) ? std::nullopt : std::optional(std::move(directory));
}

void FetchTable::keep_directory(std::optional<CarRequest> directory, const std::string& trace_id,
                                uint64_t now_ms) {
  if (!directory || directories_.size() >= kDirectoriesAtOnceMax) return;
  const RequestKey key = key_of(*directory);
  if (is_under_way(key)) return;
  ++directories_begun_;
  if (settings_.keeps_directories != RuleMode::kOn) return;
  Fetch& fetch = add(std::move(*directory), key, trace_id, now_ms);
  by_key_.insert_or_assign(key, fetch.id());
  directories_.insert(fetch.id());
  fetch.warm();
  fetch.want_own_file();  // Those who look for other names in the directory look for that.
  ask(fetch, false, now_ms);
  drop_if_unwanted(fetch, now_ms);
}

/// True where every further proof would end so too. Where blocks of sha1 are served, others can
/// make two blocks for one CID, so that nothing is proven once and for all.
bool FetchTable::proves_path_missing(const Proof& proof) const {
  return proof.is_content_fault() && proof.failure()->code == Errc::kNotFound &&
         settings_.budget.sha1 != Sha1::kAllowed;
}

ipc::DeniedBy FetchTable::denied_by(const Proof& proof) const {
  const std::optional<Denial>& denial = proof.denial();
  if (!denial) return {};
  return {.denylist_id = settings_.budget.denylist->id(),
          .rule = denial->rule,
          .is_legal = denial->is_legal};
}

void FetchTable::on_proof_ended(Proof& proof, uint64_t now_ms) {
  const Proof::Attempt& attempt = proof.attempt();
  if (proof.outcome() == Outcome::kLied) ++verify_failures_;
  Fetch* fetch = proof.fetch();
  std::optional<CarRequest> directory;
  std::string trace_id;
  if (fetch && proof.is_content_fault()) {
    directory = directory_to_keep(proof);
    trace_id = fetch->trace_id();
  }
  const bool wants_another = fetch && fetch->on_source_ended(proof, now_ms);
  if (proof.is_from_this_broker()) {
    ipc::Resume resume = wants_another ? fetch->resume() : ipc::Resume{};
    const uint64_t took_ms = std::min<uint64_t>(now_ms - proof.started_ms(), UINT32_MAX);
    context_.broker.send(ipc::AttemptEnded{.fetch_id = std::to_underlying(attempt.question_id),
                                           .attempt_id = attempt.id,
                                           .outcome = proof.outcome(),
                                           .wants_another = wants_another,
                                           .blocks_proven = proof.blocks_proven(),
                                           .body_bytes = proof.car_bytes(),
                                           .duration_ms = static_cast<uint32_t>(took_ms),
                                           .resume = std::move(resume),
                                           .used_bytes = proof.used_bytes(),
                                           .proves_path_missing = proves_path_missing(proof),
                                           .denied_by = denied_by(proof)});
  } else if (wants_another && fetch->lacks_source()) {
    // The broker that is connected now does not know this fetch.
    ask(*fetch, false, now_ms);
  }
  if (fetch) drop_if_unwanted(*fetch, now_ms);
  keep_directory(std::move(directory), trace_id, now_ms);
}

std::vector<Fetch*> FetchTable::oldest_first() const {
  std::vector<Fetch*> all;
  all.reserve(fetches_.size());
  for (const auto& [id, fetch] : fetches_) all.push_back(fetch.get());
  std::ranges::sort(all, {}, &Fetch::id);
  return all;
}

}  // namespace daphnis::worker
