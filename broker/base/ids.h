#pragma once

#include <cstdint>

namespace daphnis::broker {

/// Numbers the broker gives out; none is ever used twice in a process's life.
enum class ConnId : uint64_t {};    ///< One TCP connection of an L2. Given out by the shell.
enum class WorkerId : uint64_t {};  ///< One connection of a worker. Given out by the shell.
enum class L2No : uint64_t {};      ///< One L2 from its registration until it is lost.
enum class FetchNo : uint64_t {};   ///< One fetch of a worker.
/// One listening socket of which the shell keeps a copy. Given out by the shell.
enum class ListenerId : uint64_t {};

}  // namespace daphnis::broker
