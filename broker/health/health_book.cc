#include "broker/health/health_book.h"

#include <algorithm>
#include <string>

namespace daphnis::broker {
namespace {

/// How many of the L2s may be ejected for failures at once.
size_t failing_max(size_t registered) {
  return registered < 3 ? 0 : registered / 3;
}

}  // namespace

void HealthBook::add_first_byte(HealthNo l2, uint64_t ms, uint64_t now_ms) {
  if (Health* health = healths_.find(l2)) health->first_byte().add(ms, now_ms);
}

void HealthBook::correct_first_byte(HealthNo l2, uint64_t was_ms, uint64_t ms, uint64_t now_ms) {
  if (Health* health = healths_.find(l2)) health->first_byte().correct(was_ms, ms, now_ms);
}

void HealthBook::note_deed(HealthNo l2) {
  Health* health = healths_.find(l2);
  if (!health || health->has_deeds()) return;
  health->note_deed();
  healths_.note_first_deed(l2);
}

std::optional<Ejection> HealthBook::add_end(HealthNo l2, const OrderEnd& end, uint64_t now_ms) {
  Health* health = healths_.find(l2);
  if (!health) return std::nullopt;
  const bool had_deeds = health->has_deeds();
  health->add(end, now_ms);
  if (!had_deeds && health->has_deeds()) healths_.note_first_deed(l2);
  if (context_.settings.ejection == RuleMode::kOff) return std::nullopt;
  switch (end.how) {
    case OrderEnd::How::kLied:
      return judge_lie(*health, had_deeds, end, now_ms);
    case OrderEnd::How::kAborted:
    case OrderEnd::How::kSilent:
      return judge_failure(*health, now_ms);
    case OrderEnd::How::kServed:
      if (end.blocks_proven > 0 && health->standing().on_success(now_ms)) {
        ++context_.counters.probations_passed;
      }
      break;
    case OrderEnd::How::kNotFound:
    case OrderEnd::How::kNothing:
      break;
  }
  return std::nullopt;
}

std::optional<Ejection> HealthBook::judge_lie(Health& l2, bool had_deeds, const OrderEnd& end,
                                              uint64_t now_ms) {
  if (had_deeds) weigh_root(l2.no(), end.root_key, now_ms);
  // A root that is at fault says nothing of this edge either.
  if (accusations_.is_quarantined(end.root_key, now_ms)) return std::nullopt;
  if (had_deeds) weigh_suspicion(l2.no(), now_ms);
  if (suspects_itself(now_ms)) {
    ++context_.counters.ejections_withheld;
    return std::nullopt;
  }
  bans_.add(l2.no(), end.root_key, now_ms);
  // What it was asked for before it was ejected is part of the same fault.
  const Standing& standing = l2.standing();
  const bool is_known = standing.is_ejected(now_ms) && standing.reason() == EjectionReason::kLied &&
                        end.ordered_ms <= standing.ejected_ms();
  if (is_known) return std::nullopt;
  return eject_by_rule(l2, EjectionReason::kLied, end.root_key, now_ms);
}

void HealthBook::weigh_suspicion(HealthNo liar, uint64_t now_ms) {
  recent_liars_.add(liar, now_ms);
  const auto are_too_many = [&](size_t liars) {
    return liars >= kSelfSuspicionLiarsMin && 2 * liars > healths_.with_deeds();
  };
  if (!are_too_many(recent_liars_.size())) return;
  // Those that are gone do not count among the L2s with deeds either.
  const auto is_here = [&](HealthNo l2) { return healths_.is_registered(l2); };
  if (!are_too_many(recent_liars_.count(is_here))) return;
  const bool is_new = !suspects_itself(now_ms);
  suspects_until_ms_ = now_ms + kSelfSuspicionMs;
  if (!is_new) return;
  ++context_.counters.self_suspicions;
  context_.out.log(LogLevel::kWarn,
                   LogLine("suspects_itself")
                       .add("liars", recent_liars_.size())
                       .add("l2s_with_deeds", healths_.with_deeds())
                       .add("advice", "most L2s seem to lie: look for a fault of this edge"));
  const uint64_t since_ms = now_ms - std::min(now_ms, kRecentLieMs);
  bans_.remove_since(since_ms);
  for (Health* l2 : healths_.registered()) take_back(*l2, std::nullopt, since_ms, now_ms);
}

void HealthBook::take_back(Health& l2, std::optional<uint64_t> root, uint64_t since_ms,
                           uint64_t now_ms) {
  if (!l2.standing().take_back(root, since_ms, now_ms)) return;
  ++context_.counters.ejections_taken_back;
  readmitted_.push_back(l2.no());
}

void HealthBook::weigh_root(HealthNo liar, uint64_t root, uint64_t now_ms) {
  const Accusations::Accusers accusers = accusations_.add(liar, root, now_ms);
  if (accusers.empty()) return;
  ++context_.counters.roots_quarantined;
  std::string ids;
  for (const HealthNo no : accusers) {
    bans_.remove(no, root);
    Health* l2 = healths_.find(no);
    if (!l2) continue;
    ids.append(ids.empty() ? "" : " ").append(l2->id());
    take_back(*l2, root, 0, now_ms);
  }
  context_.out.log(
      LogLevel::kWarn,
      LogLine("root_quarantined")
          .add("root_key", root)
          .add("l2s", ids)
          .add("advice", "what several L2s send for one root fails verification: look into it"));
}

std::optional<Ejection> HealthBook::judge_failure(Health& l2, uint64_t now_ms) {
  const OrderEnds ends = l2.ends(now_ms);
  const uint32_t judged_min = l2.standing().is_on_probation() ? kJudgedOnProbationMin : kJudgedMin;
  if (ends.judged < judged_min || l2.standing().is_ejected(now_ms)) return std::nullopt;
  if (!pool(now_ms).is_far_above(ends.share_failed())) return std::nullopt;
  if (suspects_itself(now_ms)) {
    ++context_.counters.ejections_withheld;
    return std::nullopt;
  }
  if (pool_.failing >= failing_max(healths_.registered().size())) {
    ++context_.counters.ejections_spared;
    return std::nullopt;
  }
  ++pool_.failing;
  l2.begin_anew();
  return eject_by_rule(l2, EjectionReason::kFailing, std::nullopt, now_ms);
}

std::optional<Ejection> HealthBook::eject_by_rule(Health& l2, EjectionReason reason,
                                                  std::optional<uint64_t> root, uint64_t now_ms) {
  Counters& counters = context_.counters;
  const bool is_for_lie = reason == EjectionReason::kLied;
  const uint64_t for_ms = l2.standing().eject(reason, root, context_.settings.suspect_ms, now_ms);
  const Ejection ejection{.reason = reason, .for_ms = for_ms};
  if (context_.settings.ejection != RuleMode::kOn) {
    ++(is_for_lie ? counters.ejections_observed_for_lies
                  : counters.ejections_observed_for_failures);
    log_ejection("l2_would_be_ejected", l2, ejection);
    return std::nullopt;
  }
  ++(is_for_lie ? counters.ejections_for_lies : counters.ejections_for_failures);
  log_ejection("l2_ejected", l2, ejection);
  return ejection;
}

void HealthBook::eject(Health& l2, uint64_t for_ms, uint64_t now_ms) {
  ++context_.counters.ejections_by_operator;
  l2.standing().eject_by_operator(for_ms, now_ms);
  log_ejection("l2_ejected", l2, {.reason = EjectionReason::kOperator, .for_ms = for_ms});
}

void HealthBook::readmit(Health& l2) {
  l2.standing().readmit();
  l2.begin_anew();
  bans_.remove_all(l2.no());
  pool_ms_ = 0;
  context_.out.log(LogLevel::kInfo,
                   LogLine("l2_readmitted").add("l2", l2.id()).add("address", l2.address()));
}

void HealthBook::log_ejection(const char* event, const Health& l2, const Ejection& ejection) {
  context_.out.log(LogLevel::kWarn, LogLine(event)
                                        .add("l2", l2.id())
                                        .add("address", l2.address())
                                        .add("reason", name(ejection.reason))
                                        .add("for_ms", ejection.for_ms));
}

const Pool& HealthBook::pool(uint64_t now_ms) const {
  if (pool_ms_ == 0 || now_ms - pool_ms_ >= kPoolEveryMs) {
    pool_ = Pool::of(healths_.registered(), now_ms);
    pool_ms_ = now_ms;
  }
  return pool_;
}

}  // namespace daphnis::broker
