#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/logfmt.h"
#include "common/denylist/deny_table.h"
#include "common/ipc/ipc_messages.h"
#include "common/request/denial_outcome.h"

namespace daphnis::broker {

/// Requests remembered whose content has a block that is denied, about 100 bytes each; beyond: the
/// oldest is forgotten.
inline constexpr size_t kDeniedKeysMax = 65'536;
/// A rule is logged so often at most.
inline constexpr uint64_t kDeniedLogMs = 3'600'000;
/// Rules whose last line in the log is remembered; beyond, all are forgotten.
inline constexpr size_t kDeniedRulesMax = 65'536;

/// The list of what may not be served that is in force.
struct DenylistInForce {
  /// One of its files.
  struct File {
    std::string name;
    uint32_t lines_before = 0;  ///< Lines of the files before it.
  };
  ipc::DenylistPlace place = {};  ///< Where workers find it.
  std::vector<File> files = {};
  std::shared_ptr<const DenyTable> table = {};  ///< Null: none. Keeps the memory.
  uint64_t rules = 0;                           ///< Lines that deny, or are exceptions.
};

[[nodiscard]] inline Denial denial_of(const ipc::DeniedBy& by) {
  return {.rule = by.rule, .is_legal = by.is_legal};
}

/// What the broker knows of the list in force, and of requests that it turned out to deny only when
/// one of their blocks came. Owned by the Context.
class Denials {
 public:
  /// Puts a list in force, and forgets what was learnt by the last one.
  void set(DenylistInForce list);
  [[nodiscard]] const DenylistInForce& list() const { return list_; }
  [[nodiscard]] DenylistId id() const { return list_.place.id; }
  /// No cached file has a block that the list denies, or they are to be judged again.
  void set_swept(bool is_swept) { list_.place.is_swept = is_swept; }

  /// The output of this request has a block that is denied.
  void remember(const RequestKey& key, const ipc::DeniedBy& by);
  [[nodiscard]] std::optional<ipc::DeniedBy> find(const RequestKey& key) const;
  [[nodiscard]] size_t remembered() const { return keys_.size(); }

  /// A request of that root was refused. The line for the log, where it is time for one about this
  /// rule; also where another list has made it, of which nothing is known.
  [[nodiscard]] std::optional<LogLine> note(const ipc::DeniedBy& by, const Cid& root,
                                            uint64_t now_ms);
  /// "FILE:LINE" of a rule of the list in force.
  [[nodiscard]] std::string place_of(uint32_t rule) const;

 private:
  DenylistInForce list_;
  absl::flat_hash_map<RequestKey, ipc::DeniedBy> keys_;
  std::deque<RequestKey> keys_by_age_;
  absl::flat_hash_map<uint32_t, uint64_t> logged_ms_;
};

}  // namespace daphnis::broker
