#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/health/health.h"

namespace daphnis::broker {

/// L2s that are not registered and still known; of more, those are forgotten that have been gone
/// for longest. About 700 bytes each.
inline constexpr size_t kHealthsGoneMax = 16'384;

/// What a health belongs to. While ids are free, an id that comes from another address is another
/// L2; one that is proven to be its own is the same L2 wherever it comes from.
enum class HealthOf : uint8_t { kIdAtAddress, kProvenId };

/// The health of each L2: of those registered, and for a while of those that are gone. Owned by the
/// HealthBook.
class Healths {
 public:
  explicit Healths(RuleMode mode) : mode_(mode) {}

  /// An L2 registers, which is not registered now. Its health stays where it is until it is gone
  /// and forgotten.
  [[nodiscard]] Health& open(std::string_view id, std::string_view address,
                             HealthOf of = HealthOf::kIdAtAddress);
  /// Its registration is over.
  void close(HealthNo no);
  /// Null: it is forgotten.
  [[nodiscard]] Health* find(HealthNo no);
  [[nodiscard]] const Health* find(HealthNo no) const;
  [[nodiscard]] bool is_registered(HealthNo no) const;
  /// A registered L2 has its first deed.
  void note_first_deed(HealthNo no);

  /// In no order that means anything, but the same in each run.
  [[nodiscard]] const std::vector<Health*>& registered() const { return registered_; }
  /// The number of those registered that have deeds.
  [[nodiscard]] size_t with_deeds() const { return with_deeds_; }
  [[nodiscard]] size_t gone() const { return gone_.size(); }

 private:
  struct Entry {
    Entry(HealthNo no, std::string_view id, std::string_view address, RuleMode mode,
          HealthOf belongs)
        : health(no, id, address, mode), of(belongs) {}
    Health health;
    const HealthOf of;
    bool is_registered = false;
    size_t place = 0;                       ///< In registered_.
    std::list<HealthNo>::iterator in_gone;  ///< While it is not registered.
  };
  [[nodiscard]] static std::string key_of(std::string_view id, std::string_view address,
                                          HealthOf of);
  void forget_longest_gone();

  const RuleMode mode_;
  uint64_t last_no_ = 0;
  absl::flat_hash_map<HealthNo, std::unique_ptr<Entry>> entries_;
  absl::flat_hash_map<std::string, HealthNo> by_key_;
  std::vector<Health*> registered_;
  std::list<HealthNo> gone_;  ///< The longest gone first.
  size_t with_deeds_ = 0;
};

}  // namespace daphnis::broker
