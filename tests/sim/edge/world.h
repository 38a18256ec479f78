#pragma once

#include <memory>
#include <vector>

#include "tests/sim/edge/broker_node.h"
#include "tests/sim/edge/client.h"
#include "tests/sim/edge/l2_node.h"
#include "tests/sim/edge/scene.h"
#include "tests/sim/edge/worker_node.h"

namespace daphnis::sim {

/// One run: a broker, two workers, five L2s and clients, connected by the network and, in most
/// runs, by the disk, with a weather drawn from the seed. First everything happens at once; then
/// all faults are mended, and everything must come to rest and serve again.
///
/// Some L2s are steady. While the edge is sound, clients must get all that these hold.
class World {
 public:
  enum class Kind {
    kStorm,   ///< Everything may fail.
    kBadL2s,  ///< L2s and their links may fail, but at least one of them is steady.
    kCalm,    ///< Nothing fails.
  };

  World(uint64_t seed, Kind kind);
  ~World();

  void run();
  [[nodiscard]] Scene& scene() { return scene_; }

 private:
  static constexpr size_t kWorkers = 2;
  static constexpr size_t kL2s = 5;

  void draw_weather();
  void draw_settings();
  void draw_l2s();
  [[nodiscard]] L2Node::Traits draw_l2(unsigned number, bool is_steady);
  void draw_clients();
  void draw_troubles();
  void draw_disk();
  void draw_crowd(const Wish* wanted);
  /// Draws how little room there is in a world with clients that crawl.
  void draw_narrows();
  void draw_crawlers();
  [[nodiscard]] Client::Crawl draw_crawl();
  void draw_lost_leader();
  /// Kills a worker in whose spool another worker reads, once there is one.
  void kill_leader();
  [[nodiscard]] Client::Plan draw_client(const Wish* wanted);

  void start_broker();
  void start_worker(unsigned number);
  void start_l2(unsigned number);
  [[nodiscard]] LinkFault draw_fault(const L2Node::Traits& traits);
  void cause_trouble();
  void kill_broker();
  void kill_worker(unsigned number);
  void interfere();
  void damage_file();
  void revive();

  void add_client(Client::Plan plan);
  [[nodiscard]] bool is_held(size_t dag) const;
  [[nodiscard]] bool is_promised(unsigned worker, size_t dag) const;
  /// Lets things happen until `until_ms`, or until no client is left where that is wanted.
  void pass(uint64_t until_ms, bool stops_without_clients);
  void mend();
  void mend_disk();
  void check_quiet();
  void check_service();
  void check_memory();
  void check_first_hits();
  void check_hits();

  Scene scene_;
  Kind kind_;
  broker::Settings broker_settings_;
  worker::Settings worker_settings_;
  std::vector<L2Node::Traits> traits_;
  std::vector<const Wish*> asked_;  ///< The requests that clients choose from.

  std::unique_ptr<BrokerNode> broker_;
  std::unique_ptr<WorkerNode> workers_[kWorkers];
  std::unique_ptr<L2Node> l2s_[kL2s];
  std::vector<std::unique_ptr<Client>> clients_;
  Alarm trouble_;
  Alarm revival_;
  Alarm operator_;
  Alarm cure_;  ///< Ends the disk's trouble.
  unsigned troubles_left_ = 0;
  unsigned verbs_left_ = 0;
  bool has_disk_ = false;
  bool has_only_v2_ = false;
  Alarm leader_death_;
  unsigned leader_death_tries_ = 0;
  uint64_t cuts_told_[kWorkers] = {};  ///< Of the slow readers that a living worker has cut.
  bool has_died_[kWorkers] = {};       ///< Its clients are promised nothing.
};

}  // namespace daphnis::sim
