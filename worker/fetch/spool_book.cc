#include "worker/fetch/spool_book.h"

#include <algorithm>
#include <utility>

#include "common/base/limits.h"

namespace daphnis::worker {

SpoolBook::SpoolBook(BrokerSession& broker, Numbers& numbers, std::string name_prefix)
    : broker_(broker), numbers_(numbers) {
  folders_.name_prefix = std::move(name_prefix);
}

void SpoolBook::on_broker_up(const ipc::Welcome& welcome) {
  folders_.cache_dir = welcome.cache_dir;
  folders_.spool_dir = welcome.spool_dir;
  folders_.syncs_files = welcome.syncs_files;
  std::vector<SpoolNumber> numbers;
  for (const auto& [number, entry] : spools_) numbers.push_back(number);
  std::ranges::sort(numbers);  // The table's sequence differs between runs.
  for (const SpoolNumber number : numbers) spools_.at(number).spool->on_broker_up();
}

Spool* SpoolBook::open(FetchId fetch, const CarRequest& request, uint64_t begin,
                       bool is_for_cache) {
  const auto number = numbers_.next<SpoolNumber>();
  if (!folders_.are_any() || spools_.size() >= limits::kSpoolsPerWorkerMax) return nullptr;
  SpoolHost& host = *this;
  auto spool = std::make_unique<Spool>(number, request, begin, is_for_cache, folders_, host);
  ++opened_;
  return spools_.emplace(number, Entry{std::move(spool), fetch}).first->second.spool.get();
}

SpoolBook::Entry* SpoolBook::find(SpoolNumber number) {
  const auto found = spools_.find(number);
  return found == spools_.end() ? nullptr : &found->second;
}

FetchId SpoolBook::on_reserved(const ipc::SpoolReserved& reserved) {
  Entry* entry = find(SpoolNumber{reserved.spool});
  if (!entry) return {};
  entry->spool->on_reserved(reserved);
  return entry->fetch;
}

FetchId SpoolBook::on_stored(const ipc::SpoolStored& stored) {
  Entry* entry = find(SpoolNumber{stored.spool});
  if (!entry || entry->spool->state() != Spool::State::kSealed) return {};
  entry->spool->on_stored();
  return entry->fetch;
}

FetchId SpoolBook::on_job_done(FileJobDone done) {
  const SpoolNumber number{done.owner};
  Entry* entry = find(number);
  if (!entry) return {};
  if (done.file) done.file = track(std::move(done.file), number);
  entry->spool->on_job_done(done);
  return entry->fetch;
}

FileRef SpoolBook::track(FileRef file, SpoolNumber number) {
  const File* const raw = file.get();
  return {raw, [file = std::move(file), closed = closed_, number](const File*) mutable {
            file.reset();
            closed->push_back(number);
          }};
}

void SpoolBook::add_job(FileJob job) {
  jobs_.push_back(std::move(job));
}

void SpoolBook::remove_finished() {
  for (const SpoolNumber number : std::exchange(*closed_, {})) {
    if (Entry* entry = find(number)) entry->spool->on_closed();
  }
  for (const SpoolNumber number : std::exchange(changed_, {})) {
    const Entry* entry = find(number);
    if (!entry || !entry->spool->is_over()) continue;
    if (entry->spool->state() != Spool::State::kStored) {
      broker_.send(
          ipc::SpoolGone{std::to_underlying(number), static_cast<uint32_t>(entry->spool->error())});
    }
    spools_.erase(number);
  }
}

}  // namespace daphnis::worker
