#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "common/uv/fd.h"
#include "common/uv/loop.h"
#include "common/uv/pending/refusals.h"
#include "common/uv/poll.h"

namespace daphnis::uv {

/// How many sockets may be pending, for how long, and what the log says of those that are closed.
struct PendingRules {
  size_t sockets_max = 0;  ///< Beyond, the oldest is closed.
  uint64_t time_ms = 0;    ///< From add() to take(); then it is closed.
  std::string_view too_many;
  std::string_view too_late;
  LogLine log_line;  ///< As in Refusals, with the two below.
  std::string_view log_count_key = "refused";
  uint64_t log_every_ms = 0;
};

/// Connections of a listener that have yet to bring what must come first, such as a PROXY header:
/// watched for a bounded time and in a bounded number, the oldest closed first. What has come of
/// each is its `Progress`, which its owner keeps. Owned by who knows what must come.
template <class Progress>
class PendingSockets {
 public:
  struct Pending {
    std::string address;  ///< Its peer's.
    Progress progress;
    uint64_t deadline_ms = 0;
    std::optional<Poll> poll = {};  ///< Always set; waits for nothing at first.
  };
  using Place = typename std::list<Pending>::iterator;
  struct Events {
    /// What was waited for has happened, as in Poll.
    std::function<void(Place, int events)> on_ready;
    /// Where set: that one is about to be closed.
    std::function<void(Place)> on_refused = {};
  };
  struct Taken {
    UniqueFd fd;
    std::string address;
    Progress progress;
  };

  PendingSockets(Loop& loop, Log& log, PendingRules rules, Events events)
      : loop_(loop),
        rules_(std::move(rules)),
        events_(std::move(events)),
        refusals_(loop, log, rules_.log_line, rules_.log_count_key, rules_.log_every_ms),
        timer_(loop, [this] { on_time(); }) {}

  /// Takes a connection, non-blocking, of a peer at that address. The place is valid until take()
  /// or refuse().
  [[nodiscard]] Place add(UniqueFd fd, std::string address, Progress progress = {}) {
    if (pending_.size() >= rules_.sockets_max) refuse(pending_.begin(), rules_.too_many);
    pending_.emplace_back(std::move(address), std::move(progress), loop_.now_ms() + rules_.time_ms);
    const Place place = std::prev(pending_.end());
    place->poll.emplace(loop_, std::move(fd),
                        [this, place](int events) { events_.on_ready(place, events); });
    arm();
    return place;
  }
  /// Gives away one that has brought what must come first.
  [[nodiscard]] Taken take(Place place) {
    Taken taken{.fd = place->poll->release(),
                .address = std::move(place->address),
                .progress = std::move(place->progress)};
    pending_.erase(place);
    return taken;
  }
  /// Closes one, and counts it.
  void refuse(Place place, std::string_view why) {
    if (events_.on_refused) events_.on_refused(place);
    refusals_.add(place->address, why);
    pending_.erase(place);
  }
  [[nodiscard]] Refusals& refusals() { return refusals_; }
  [[nodiscard]] const Refusals& refusals() const { return refusals_; }
  [[nodiscard]] size_t size() const { return pending_.size(); }

 private:
  void on_time() {
    while (!pending_.empty() && loop_.now_ms() >= pending_.front().deadline_ms) {
      refuse(pending_.begin(), rules_.too_late);
    }
    arm();
  }
  /// The timer stays where the first has been taken meanwhile: that it fires in vain costs less.
  void arm() {
    if (pending_.empty() || timer_.is_active()) return;
    const uint64_t now_ms = loop_.now_ms();
    const uint64_t deadline_ms = pending_.front().deadline_ms;
    timer_.start(deadline_ms > now_ms ? deadline_ms - now_ms : 0);
  }

  Loop& loop_;
  const PendingRules rules_;
  const Events events_;
  Refusals refusals_;
  std::list<Pending> pending_;  ///< Oldest first, so that the first deadline is in front.
  Timer timer_;
};

}  // namespace daphnis::uv
