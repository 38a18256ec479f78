#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "common/core/slice.h"
#include "tests/sim/edge/chance.h"
#include "tests/sim/edge/clock.h"
#include "tests/sim/edge/network.h"

namespace daphnis::sim {

/// How bad things are. All chances are "once in N", 0 for never.
struct Weather {
  bool is_calm = false;             ///< Nothing fails: every answer must be the best one.
  unsigned socket_lost_one_in = 0;  ///< Of the sockets handed over.
  unsigned mood_one_in = 0;         ///< Answers of L2s that are not honest.
  bool are_l2s_rude = false;        ///< They break off by resets, and behind what is unanswered.
  unsigned client_leaves_one_in = 0;
  unsigned pipelined_one_in = 3;  ///< L2s that send the next answer behind the one under way.
};

/// What happened, to tell a run that tests something from one that does not.
struct Tally {
  uint64_t requests = 0;
  uint64_t whole = 0;    ///< Answers with content, complete and right.
  uint64_t refused = 0;  ///< Complete answers without content.
  uint64_t cut = 0;      ///< Answers that end in the middle, visibly.
  uint64_t unanswered = 0;
  uint64_t left = 0;  ///< Requests whose client went first.
  uint64_t statuses[600] = {};
  uint64_t cancels = 0;  ///< Fetches that workers gave up.
  uint64_t handoffs = 0;
  uint64_t outcomes[8] = {};
  uint64_t sockets_lost = 0;
  uint64_t sockets_returned = 0;
  uint64_t surplus_returned = 0;  ///< Sockets that went back with bytes past the body.
  uint64_t pipelined = 0;         ///< Answers of L2s begun behind another.
  uint64_t moods[16] = {};
  uint64_t l2_deaths = 0;
  uint64_t worker_deaths = 0;
  uint64_t broker_deaths = 0;
  uint64_t steps = 0;
};

/// What all parts of one run share. Owned by the world, outlives its parts.
struct Scene {
  explicit Scene(uint64_t seed_)
      : seed(seed_), chance(seed_), clock(chance), network(clock, chance) {}

  /// A broken promise. The first one ends the run.
  void fail(std::string what) {
    faults.push_back(fmt::format("at {} ms: {}", clock.now_ms(), std::move(what)));
    trace("FAULT {}", faults.back());
  }
  template <class... Args>
  void trace(fmt::format_string<Args...> format, Args&&... args) {
    if (!is_traced) return;
    const std::string line = fmt::format(format, std::forward<Args>(args)...);
    std::fprintf(stderr, "%7lu  %s\n", clock.now_ms() % 1'000'000, line.c_str());
  }
  /// Folds something observed into the run's fingerprint: equal seeds must give equal ones.
  void note(uint64_t what) {
    fingerprint = (fingerprint ^ what ^ clock.now_ms()) * 0x9e3779b97f4a7c15U;
    fingerprint ^= fingerprint >> 29;
  }

  uint64_t seed;
  Chance chance;
  Clock clock;
  Network network;
  BufferPool pool;
  Weather weather;
  Tally tally;
  std::vector<std::string> faults;
  uint64_t fingerprint = 0;
  bool is_traced = false;
};

}  // namespace daphnis::sim
