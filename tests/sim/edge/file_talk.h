#pragma once

#include <string>

#include "broker/base/cache_folder.h"
#include "common/ipc/ipc_messages.h"
#include "worker/base/file_jobs.h"

namespace daphnis::sim {

// Messages, tasks and events about files, in words for the trace; empty for all others.
[[nodiscard]] std::string words(const ipc::WorkerToBroker& message);
[[nodiscard]] std::string words(const ipc::BrokerToWorker& message);
[[nodiscard]] std::string words(const broker::FolderTask& task);
[[nodiscard]] std::string words(const broker::FolderEvent& event);
[[nodiscard]] std::string words(const worker::FileJob& job);

}  // namespace daphnis::sim
