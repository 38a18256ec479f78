#pragma once

#include <cstdint>

namespace daphnis::worker {

/// Numbers that a worker gives out. None is used twice in a process's life, and 0 stands for none.
enum class ConnectionId : uint64_t {};  ///< One connection of a client or of an L2.
enum class FetchId : uint64_t {};       ///< One Fetch.
/// One question of a fetch to the broker: the `fetch_id` of the messages between the two.
enum class QuestionId : uint64_t {};
enum class SpoolNumber : uint64_t {};    ///< One Spool.
enum class CacheQueryId : uint64_t {};   ///< One look-up or read that CacheReads was asked for.
enum class CacheWaiterId : uint64_t {};  ///< One caller that waits for the end of such a query.

/// The broker's number for its copy of a listening socket.
enum class ListenerId : uint64_t {};

template <class Id>
[[nodiscard]] constexpr bool is_none(Id id) {
  return id == Id{};
}

/// Gives out the numbers of connections, fetches, questions and spools, which all count as one.
/// Owned by the Worker.
class Numbers {
 public:
  template <class Id>
  [[nodiscard]] Id next() {
    return Id{++last_};
  }

 private:
  uint64_t last_ = 0;
};

}  // namespace daphnis::worker
