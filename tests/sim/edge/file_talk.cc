#include "tests/sim/edge/file_talk.h"

#include <fmt/format.h>

#include "common/cachefile/cache_file.h"

namespace daphnis::sim {
namespace {

std::string short_name(const RequestKey& key) {
  return cache_file_name(key).substr(3, 8);
}

std::string short_names(const std::vector<RequestKey>& keys) {
  std::string names;
  for (const RequestKey& key : keys) names += " " + short_name(key);
  return names;
}

std::string short_names(const std::vector<std::string>& paths) {
  std::string names;
  for (const std::string& path : paths) names += " " + path;
  return names;
}

struct Words {
  // Worker to broker.
  std::string operator()(const ipc::SpoolReserve& m) const {
    return fmt::format("SpoolReserve {}: {} bytes{}", m.spool, m.bytes,
                       m.is_for_cache ? " for the cache" : "");
  }
  std::string operator()(const ipc::SpoolHeld& m) const {
    return fmt::format("SpoolHeld {}: {} bytes, {}", m.spool, m.bytes, m.name);
  }
  std::string operator()(const ipc::SpoolDone& m) const {
    return fmt::format("SpoolDone {}: {} bytes of {}", m.name, m.size, short_name(m.key));
  }
  std::string operator()(const ipc::SpoolGone& m) const {
    return fmt::format("SpoolGone {}", m.spool);
  }
  std::string operator()(const ipc::FetchProgress& m) const {
    return fmt::format("FetchProgress {}: state {}, {} bytes in {}", m.fetch_id,
                       static_cast<int>(m.state), m.bytes, m.path);
  }
  std::string operator()(const ipc::CacheFault& m) const {
    return fmt::format("CacheFault {}: kind {}", short_name(m.key), static_cast<int>(m.kind));
  }
  std::string operator()(const ipc::Unlinked& m) const {
    return fmt::format("Unlinked {:x}", m.deferred_free);
  }
  std::string operator()(const ipc::Fetch& m) const {
    return fmt::format("Fetch {} of {}{}", m.fetch_id, short_name(m.key),
                       m.must_not_join ? ", not to be joined" : "");
  }
  std::string operator()(const ipc::CancelFetch& m) const {
    return fmt::format("CancelFetch {}", m.fetch_id);
  }
  // Broker to worker.
  std::string operator()(const ipc::SpoolReserved& m) const {
    return fmt::format("SpoolRoom {}: {} bytes", m.spool, m.bytes);
  }
  std::string operator()(const ipc::SpoolStored& m) const {
    return fmt::format("SpoolStored {}{}", m.spool, m.is_held ? "" : ", not held");
  }
  std::string operator()(const ipc::SpoolWanted& m) const {
    return fmt::format("SpoolWanted {}", m.fetch_id);
  }
  std::string operator()(const ipc::JoinProgress& m) const {
    return fmt::format("JoinProgress {}: state {}, {} bytes in {}", m.fetch_id,
                       static_cast<int>(m.state), m.bytes, m.path);
  }
  std::string operator()(const ipc::Unlink& m) const {
    return fmt::format("Unlink {:x}:{}{}", m.deferred_free, short_names(m.keys),
                       short_names(m.paths));
  }
  // Orders and events of the folder.
  std::string operator()(const broker::StoreFile& m) const {
    return fmt::format("store {} as {}", m.name, short_name(m.key));
  }
  std::string operator()(const broker::UnlinkFiles& m) const {
    return fmt::format("unlink for {:x}:{}", m.deferred_free, short_names(m.keys));
  }
  std::string operator()(const broker::UnlinkSpools& m) const {
    return "unlink" + short_names(m.paths);
  }
  std::string operator()(const broker::Quarantine& m) const {
    return fmt::format("quarantine {}: {}", short_name(m.key), m.reason);
  }
  std::string operator()(const broker::FileStored& m) const {
    const std::string blocks = m.blocks ? fmt::format(", {} blocks", m.blocks->size()) : "";
    return fmt::format("{} {}{}", short_name(m.key), m.is_stored ? "is stored" : m.why, blocks);
  }
  std::string operator()(const broker::FilesUnlinked& m) const {
    return fmt::format("unlinked for {:x}", m.deferred_free);
  }
  std::string operator()(const broker::FilesFound& m) const {
    std::string found = m.is_last ? "found the last:" : "found:";
    for (const auto& entry : m.entries) found += " " + short_name(entry.key);
    return found;
  }
  std::string operator()(const broker::FileCorrupt& m) const {
    return fmt::format("{} is corrupt: {}", short_name(m.key), m.why);
  }
  std::string operator()(const broker::ListBlocks& m) const {
    return "list the blocks of " + short_name(m.key);
  }
  std::string operator()(const broker::BlocksListed& m) const {
    return fmt::format("{} has {} blocks{}", short_name(m.key), m.blocks.size(),
                       m.is_last ? "" : " and more");
  }
  std::string operator()(const broker::FolderHealth& m) const {
    return m.is_up ? "is up" : "is down: " + m.why;
  }
  std::string operator()(const auto&) const { return {}; }
};

}  // namespace

std::string words(const ipc::WorkerToBroker& message) {
  return std::visit(Words{}, message);
}

std::string words(const ipc::BrokerToWorker& message) {
  return std::visit(Words{}, message);
}

std::string words(const broker::FolderTask& task) {
  return std::visit(Words{}, task);
}

std::string words(const broker::FolderEvent& event) {
  return std::visit(Words{}, event);
}

std::string words(const worker::FileJob& job) {
  constexpr const char* kNames[] = {"create", "write", "sync", "unlink", "open"};
  return fmt::format("{} {} for {}: {} bytes at {}", kNames[static_cast<size_t>(job.kind)],
                     job.path, job.owner, total_size(job.data), job.offset);
}

}  // namespace daphnis::sim
