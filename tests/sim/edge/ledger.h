#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "common/ipc/ipc_messages.h"
#include "tests/sim/edge/scene.h"

namespace daphnis::sim {

/// Records the messages between one worker and the broker, and finds forbidden ones: a fetch that
/// ends twice or goes on after its end, a hand-off without exactly one AttemptEnded. Owned by the
/// worker's node, one for each of its broker connections.
class Ledger {
 public:
  Ledger(Scene& scene, std::string who) : scene_(scene), who_(std::move(who)) {}

  void on_sent(const ipc::WorkerToBroker& message) {
    std::visit([this](const auto& known) { sent(known); }, message);
  }
  void on_received(const ipc::BrokerToWorker& message) {
    std::visit([this](const auto& known) { received(known); }, message);
  }
  /// Called when nothing is under way any more: fails where a fetch or an attempt has not ended.
  void check_quiet();
  /// For how long the oldest fetch in whose spool others could read is under way; nullopt where
  /// there is none.
  [[nodiscard]] std::optional<uint64_t> leads_for_ms() const;

 private:
  struct Handed {
    uint64_t fetch_id;
    bool is_taken = false;
  };

  enum class State : uint8_t {
    kAsked,
    kReferred,  ///< The broker has ended it, by a file or for now; the worker may ask again.
    kEnded,
  };
  struct Asked {
    uint64_t since_ms = 0;
    State state = State::kAsked;
    RequestKey key{};
    bool shows_spool = false;  ///< Other workers were told of bytes in its spool.
    bool reads_along = false;  ///< It reads along in another worker's spool.
    bool is_broken = false;    ///< That spool has failed.
    bool is_partial = false;   ///< An attempt that failed has proven blocks.
  };

  void sent(const ipc::Fetch& message);
  void sent(const ipc::CancelFetch& message);
  void sent(const ipc::HandoffTaken& message);
  void sent(const ipc::AttemptEnded& message);
  void sent(const ipc::FetchProgress& message);
  void sent(const auto&) {}
  void received(const ipc::Handoff& message);
  void received(const ipc::FetchFailed& message);
  void received(const ipc::JoinProgress& message);
  void received(const ipc::PlaceWanted& message);
  void received(const auto&) {}
  void expect(bool holds, const char* what, uint64_t fetch_id);

  Scene& scene_;
  std::string who_;
  std::map<uint64_t, Asked> fetches_;
  /// What was told to lead since its leader's spool has failed, and has not asked anew.
  std::set<RequestKey> to_lead_;
  std::map<Uuid, Handed> attempts_;  ///< Handed off and not ended.
};

}  // namespace daphnis::sim
