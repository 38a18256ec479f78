#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace daphnis::broker {

/// What a fetch remembers of the L2s whose streams it has had: those that may be asked again, and
/// those that lied and never are. By their ids, since an L2 whose registration was lost comes back
/// under another number. At most one for each attempt of the fetch (kAttemptsInAllMax). Owned by
/// the fetch.
class PastSources {
 public:
  /// The stream of an L2 ended, and `blocks_proven` were proven of it; 0: it only lost a race.
  void add(std::string_view l2_id, uint64_t blocks_proven);
  /// An L2 lied.
  void add_liar(std::string_view l2_id);
  /// An L2 says that it lacks the content (by now).
  void forget(std::string_view l2_id);

  /// True where the L2 may be asked again.
  [[nodiscard]] bool has(std::string_view l2_id) const;
  [[nodiscard]] bool is_liar(std::string_view l2_id) const;
  /// The ids of those that may be asked again; the one with most blocks proven comes first.
  [[nodiscard]] std::vector<std::string_view> ids() const;

 private:
  struct Source {
    std::string l2_id;
    uint64_t blocks_proven = 0;
    bool may_be_asked = false;
    bool lied = false;
  };
  [[nodiscard]] Source& at(std::string_view l2_id);
  [[nodiscard]] const Source* find(std::string_view l2_id) const;

  std::vector<Source> sources_;
};

}  // namespace daphnis::broker
