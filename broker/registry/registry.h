#pragma once

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <expected>
#include <memory>
#include <string_view>
#include <vector>

#include "broker/base/settings.h"
#include "broker/registry/l2.h"
#include "broker/registry/left_l2s.h"
#include "common/base/token_bucket.h"

namespace daphnis::broker {

/// The registered L2s, by number, id and peer address. Owned by Registrations, which keeps the ring
/// and the holdings in step.
class Registry {
 public:
  explicit Registry(const Settings& settings)
      : settings_(settings),
        rate_(std::max<uint64_t>(settings.registrations_per_s, 1), limits::kL2sMax) {}

  enum class Refusal : uint8_t {
    kFull,         ///< Settings::l2s_max are registered.
    kAddressFull,  ///< Settings::l2s_per_address of this network are registered.
    kTooMany,      ///< More came at once than Settings::registrations_per_s lets in.
    kTooSoon,      ///< The id changed its connection less than replace_every_ms ago.
    kInUse,        ///< Another address has the id, and its connection lives.
    kNotOwner,     ///< Who has the id has proven that it is its own; who asks for it has not.
  };
  struct Admission {
    L2* l2;
    /// The line of the id's former connection, which the caller ends; null: there was none.
    std::unique_ptr<L2Line> replaced = {};
    std::string former_address = {};
    uint64_t former_ms = 0;  ///< How long that connection had the id.
    /// Two nodes seem to use this id: it changed its connection twice within kIdContestedMs, or its
    /// address.
    bool is_contested = false;
    /// It took the id from another address whose connection seems to live.
    bool was_in_use = false;
  };
  /// Admits an L2, which is reached by `line`. A second connection for a live id takes the id over,
  /// but only once in replace_every_ms: a deployed node whose registration ends comes back without
  /// delay, so two nodes of one id would otherwise take it from each other as fast as the network
  /// lets them. From another address it does so only once the former connection is lost or stands
  /// still, where Settings::keep_id says so. An id that is proven is taken over by its owner alone,
  /// from wherever, and by its owner at once from who has not proven it.
  [[nodiscard]] std::expected<Admission, Refusal> admit(Registration registration,
                                                        std::unique_ptr<L2Line> line,
                                                        const std::string& address,
                                                        uint64_t now_ms);
  /// Forgets a registered L2, but for what LeftL2s keeps of it.
  void remove(L2No no, uint64_t now_ms);

  [[nodiscard]] L2* find(L2No no);
  [[nodiscard]] const L2* find(L2No no) const;
  [[nodiscard]] L2* find(std::string_view id);
  /// The L2s registered from one address.
  [[nodiscard]] const std::vector<L2No>& at_address(const std::string& address) const;
  [[nodiscard]] size_t size() const { return l2s_.size(); }

  /// Visits all L2s in the order of registration.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const auto& [no, l2] : l2s_) visit(*l2);
  }

 private:
  [[nodiscard]] bool is_full(Network network) const;
  void enter_address(L2& l2, const std::string& address);
  void leave_address(const L2& l2);

  const Settings& settings_;
  TokenBucket rate_;  ///< Of admissions. A crowd that comes back after a restart is let in at once.
  uint64_t last_no_ = 0;
  absl::btree_map<L2No, std::unique_ptr<L2>> l2s_;  ///< Sorted, so that every run does the same.
  absl::flat_hash_map<std::string, L2No> by_id_;
  absl::flat_hash_map<std::string, std::vector<L2No>> by_address_;
  LeftL2s left_;
  absl::flat_hash_map<Network, size_t> per_network_;  ///< Numbers of L2s; no 0.
};

}  // namespace daphnis::broker
