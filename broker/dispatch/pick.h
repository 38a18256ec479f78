#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "broker/dispatch/candidates.h"
#include "broker/dispatch/fetch.h"
#include "broker/registry/fair_share.h"
#include "broker/registry/registrations.h"

namespace daphnis::broker {

/// By which a choice is made besides what the settings say.
struct Rules {
  bool only_exact = false;
  std::optional<FairShare> share = {};  ///< The bound of the L2s' load where there is one.
  /// L2s that have announced all that they have come last, unless they announced the root.
  bool puts_complete_last = false;
};

/// Is offered L2s for one fetch, the preferred ones first, and keeps the best of those with a free
/// place and of those with a free place in their queue. Lives for one choice.
class Pick {
 public:
  /// All but `rules` outlive this object.
  Pick(const Fetch& fetch, Registrations& registrations, const Settings& settings, uint64_t now_ms,
       const Rules& rules = {})
      : fetch_(fetch),
        registrations_(registrations),
        settings_(settings),
        rules_(rules),
        now_ms_(now_ms) {}

  /// Considers an L2 that was not asked yet. False: no later one can be better.
  bool offer(L2No no);
  /// Considers an L2, even if it was asked before. False: no later one can be better.
  bool consider(L2No no);

  /// The number of those that came last for having announced all, or under observe would have.
  [[nodiscard]] size_t completes_passed_over() const { return completes_passed_over_; }
  [[nodiscard]] Choice choice() const;

 private:
  /// True where an L2 comes after others that are as likely to have the content, since it is slow
  /// and the fetch has asked nobody yet; but for some fetches, which probe it.
  [[nodiscard]] bool loses_first_place(const L2& l2);
  [[nodiscard]] bool has_announced(const L2& l2) const;
  [[nodiscard]] bool is_complete_for_others(const L2& l2) const;
  /// True where a stranger comes after others, since strangers have had their share.
  [[nodiscard]] bool is_passed_over_as_stranger(const L2& l2);
  [[nodiscard]] bool may_be_asked_as_stranger(const L2& l2) const;
  /// True where one of the first two L2s that the fetch asks would not be what it is to be: no
  /// stranger, or the first L2 on the ring.
  [[nodiscard]] bool is_second_stranger(const L2& l2) const;
  /// True where one attempt more would be too many for the L2, which is counted.
  [[nodiscard]] bool is_over_share(const L2& l2);
  [[nodiscard]] Choice best() const;
  void take(L2& l2, L2*& free, L2*& queue);
  void take_wait(uint64_t wait_ms);
  void take_behind(L2& l2);

  const Fetch& fetch_;
  Registrations& registrations_;
  const Settings& settings_;
  const Rules rules_;
  uint64_t now_ms_;
  L2* free_ = nullptr;
  L2* queue_ = nullptr;
  L2* over_share_ = nullptr;         ///< The first with a free place and more than its share.
  L2* slow_free_ = nullptr;          ///< The first with a free place that is slow.
  const L2* slow_probed_ = nullptr;  ///< A slow one that keeps its place in this fetch.
  uint32_t slow_passed_over_ = 0;
  L2* ejected_free_ = nullptr;
  L2* ejected_queue_ = nullptr;
  L2* complete_free_ = nullptr;
  L2* complete_queue_ = nullptr;
  L2* behind_ = nullptr;
  L2* stranger_free_ = nullptr;  ///< Of the strangers passed over.
  L2* stranger_queue_ = nullptr;
  uint32_t strangers_passed_over_ = 0;
  std::optional<bool> strangers_have_room_;  ///< Strangers::have_room(), once it was asked.
  size_t completes_passed_over_ = 0;
  uint32_t passed_over_ = 0;      ///< For having more than their share.
  uint32_t passed_over_new_ = 0;  ///< Of these, those that have less than their whole share.
  bool is_crowded_ = false;
  bool has_liars_ = false;
  uint64_t shortest_wait_ms_ = 0;  ///< Of those that are too long; 0: there was none.
};

}  // namespace daphnis::broker
