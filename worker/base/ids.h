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

}  // namespace daphnis::worker
