#pragma once

#include <cstdint>

namespace daphnis::broker {

/// Numbers by which the broker names things; it uses none twice in a process's life.
enum class ConnId : uint64_t {};    ///< One TCP connection of an L2. Given out by the shell.
enum class WorkerId : uint64_t {};  ///< One connection of a worker. Given out by the shell.
enum class L2No : uint64_t {};      ///< One L2, from its registration until it is lost.
/// One fetch that is dispatched to L2s, from its start to its end.
enum class FetchNo : uint64_t {};
enum class FollowerNo : uint64_t {};  ///< One fetch that waits for another worker's.
enum class GroupNo : uint64_t {};     ///< One leadership of a group of fetches for one key.
/// A fetch as its worker numbers it; unique among that worker's fetches alone. Given out by the
/// worker, and an integer in its messages.
enum class WorkerFetchId : uint64_t {};
/// One listening socket of which the shell keeps a copy. Given out by the shell.
enum class ListenerId : uint64_t {};

}  // namespace daphnis::broker
