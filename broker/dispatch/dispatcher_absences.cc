#include <algorithm>
#include <utility>

#include "broker/dispatch/dispatcher.h"

/// The part of the dispatcher that remembers what is not there (docs/operations.md).
namespace daphnis::broker {

std::optional<Outcome> Dispatcher::known_absence(Fetch& fetch, uint64_t now_ms) {
  const RuleMode mode = context_.settings.negative_memory;
  if (mode == RuleMode::kOff || !fetch.is_from_start) return std::nullopt;
  Outcome known = Outcome::kNotFound;
  if (absences_.is_missing_path(fetch.request_key)) {
    ++context_.counters.absence_hits_proven;
    known = Outcome::kPathNotFound;
  } else {
    const uint64_t* arrivals = absences_.find(fetch, now_ms);
    if (!arrivals) return std::nullopt;
    if (has_newcomer(fetch, *arrivals)) {
      ++context_.counters.absences_outdated;
      absences_.forget(fetch);
      return std::nullopt;
    }
    ++context_.counters.absence_hits;
  }
  fetch.was_absent = true;
  return mode == RuleMode::kOn ? std::optional(known) : std::nullopt;
}

bool Dispatcher::has_newcomer(const Fetch& fetch, uint64_t arrivals) const {
  bool has_any = false;
  const Ring& ring = registrations_.ring();
  const bool may_pass_over = passes_over_complete(ring, context_.settings);
  const size_t passed_over_max = may_pass_over ? kCompletePassedOverMax : 0;
  size_t looks = 0;
  ring.walk(fetch.key, context_.settings.candidates_max + passed_over_max, [&](L2No no) {
    const L2* l2 = std::as_const(registrations_).registry().find(no);
    // Those that have announced all that they have come last, and this was not among it.
    if (may_pass_over && l2 && l2->is_complete) return true;
    has_any = l2 && l2->arrival > arrivals;
    return !has_any && ++looks < context_.settings.candidates_max;
  });
  return has_any;
}

void Dispatcher::remember_absence(const Fetch& fetch, bool was_complete, uint64_t now_ms) {
  const bool is_off = context_.settings.negative_memory == RuleMode::kOff;
  if (is_off || !fetch.is_from_start || fetch.is_in_mid_answer) return;
  // Who has announced the root, or proven a block that links to it, may have it, be it that nobody
  // got to ask.
  if (!fetch.were_all_asked(registrations_.holdings().holders(fetch.key))) return;
  if (!fetch.were_all_asked(registrations_.claims().provers(fetch.key))) return;
  if (!fetch.were_all_asked(provers_for(fetch))) return;
  Counters& counters = context_.counters;
  const bool was_said = was_complete && fetch.orders > 0 && fetch.said_not_found == fetch.orders;
  if (!was_said && !may_conclude_absence(fetch, now_ms)) return;
  ++(was_said ? counters.absences_said : counters.absences_concluded);
  const bool is_of_root = was_said && fetch.said_no_root == fetch.orders;
  counters.absences_dropped += absences_.add(
      fetch,
      {.was_said = was_said, .is_of_root = is_of_root, .arrivals = registrations_.arrivals()},
      now_ms);
}

/// True where nothing but the L2s' silence speaks against a not-found.
bool Dispatcher::may_conclude_absence(const Fetch& fetch, uint64_t now_ms) const {
  if (fetch.was_queued) return false;
  return std::ranges::all_of(fetch.asked, [&](L2No no) {
    const L2* l2 = std::as_const(registrations_).registry().find(no);
    return l2 && !l2->is_ejected(now_ms);
  });
}

void Dispatcher::note_content(const Fetch& fetch, bool is_path_missing) {
  if (!is_path_missing) {
    context_.counters.absences_wrong += fetch.was_absent ? 1 : 0;
  } else if (context_.settings.negative_memory != RuleMode::kOff) {
    ++context_.counters.absences_proven;
    context_.counters.absences_dropped += absences_.add_missing_path(fetch.request_key);
  }
}

}  // namespace daphnis::broker
