#include "tests/sim/edge/charges.h"

#include "common/cachefile/cache_file.h"

namespace daphnis::sim {

void Charges::on_message(broker::WorkerId worker, const ipc::WorkerToBroker& message) {
  const auto add = [&](const std::string& name) {
    spools_.insert(settings_.cache_dir + "/tmp/" + name);
    spools_.insert(settings_.spool_dir + "/" + name);
  };
  if (const auto* hello = std::get_if<ipc::Hello>(&message)) {
    prefixes_[worker] = fmt::format("{}-{}-", hello->index, hello->pid);
  } else if (const auto* reserve = std::get_if<ipc::SpoolReserve>(&message)) {
    add(prefixes_[worker] + std::to_string(reserve->spool));
  } else if (const auto* held = std::get_if<ipc::SpoolHeld>(&message)) {
    add(held->name);
    may_be_over_ = true;
  }
}

void Charges::on_event(const broker::FolderEvent& event) {
  // A broker before this one may have had a higher limit.
  const bool is_scan = std::holds_alternative<broker::FilesFound>(event);
  if (is_scan && scene_.tally.limits_set > 0) may_be_over_ = true;
}

void Charges::find(const broker::Cache& cache) {
  const std::string objects = settings_.cache_dir + "/objects/";
  for (const Disk::InodeRef& inode : scene_.disk.inodes()) {
    const std::string& name = inode->name;
    if (known_.contains(inode->number)) {
      if (name.find("/quarantine/") != std::string::npos) known_.erase(inode->number);
      continue;
    }
    if (spools_.contains(name)) {
      known_[inode->number] = name.starts_with("/cache/") ? Place::kCache : Place::kSpoolDir;
    }
    RequestKey key;
    const bool is_object =
        name.starts_with(objects) && parse_cache_file_name(name.substr(objects.size() + 3), key);
    if (is_object && cache.index()->find(key)) known_[inode->number] = Place::kCache;
  }
}

void Charges::check(const broker::Cache& cache) {
  find(cache);
  uint64_t in_cache = 0;
  uint64_t in_spool_dir = 0;
  uint64_t not_found = 0;
  for (const Disk::InodeRef& inode : scene_.disk.inodes()) {
    const auto known = known_.find(inode->number);
    if (known == known_.end() && inode->name.starts_with(settings_.cache_dir + "/objects/")) {
      not_found += inode->disk_bytes();
    }
    if (known == known_.end()) continue;
    (known->second == Place::kCache ? in_cache : in_spool_dir) += inode->disk_bytes();
  }
  const uint64_t charged = cache.index() ? cache.index()->charged_bytes() : 0;
  if (in_cache > charged) {
    scene_.fail(fmt::format("{} bytes lie in the cache, {} are charged", in_cache, charged));
  }
  if (in_spool_dir > cache.spool_dir_bytes()) {
    scene_.fail(fmt::format("{} bytes lie in the spool folder, {} are charged", in_spool_dir,
                            cache.spool_dir_bytes()));
  }
  if (!cache.index()) return;
  const uint64_t limit = cache.index()->limit_bytes();
  if (charged <= limit) {
    may_be_over_ = false;
  } else if (!may_be_over_) {
    scene_.fail(fmt::format("{} bytes are charged, the limit is {}", charged, limit));
  }
  // No file is written before the scan has found the files that are there.
  if (in_cache + not_found > limit && !may_be_over_ && scene_.tally.limits_set == 0) {
    scene_.fail(fmt::format("{} bytes lie in the cache and {} are to be found, the limit is {}",
                            in_cache, not_found, limit));
  }
}

}  // namespace daphnis::sim
