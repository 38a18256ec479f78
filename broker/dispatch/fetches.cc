#include "broker/dispatch/fetches.h"

#include <algorithm>

#include "broker/registry/holdings.h"
#include "common/base/check.h"

namespace daphnis::broker {

Fetch& Fetches::add(WorkerId worker, ipc::Fetch&& message) {
  auto made = std::make_unique<Fetch>();
  Fetch& fetch = *made;
  fetch.no = FetchNo{++last_no_};
  fetch.worker = worker;
  fetch.worker_fetch_id = WorkerFetchId{message.fetch_id};
  fetch.key = key_of_multihash(message.request.root);
  fetch.request_key = message.key;
  fetch.request = std::move(message.request);
  fetch.trace_id = std::move(message.trace_id);
  fetch.is_alone = message.is_alone;
  fetch.client = Network{message.client_network};
  fetch.is_from_start = message.resume.skip == 0 && !message.has_output;
  // Only an L2 that sends what is asked for can begin in the midst of it.
  fetch.is_in_mid_answer = fetch.prefers_exact = message.resume.skip > 0;
  fetch.resume = std::move(message.resume);
  const std::pair key(worker, fetch.worker_fetch_id);
  check(by_worker_.emplace(key, &fetch).second, "a worker has two fetches of one id");
  by_no_.emplace(fetch.no, std::move(made));
  return fetch;
}

void Fetches::erase(const Fetch& fetch) {
  const FetchNo no = fetch.no;
  by_worker_.erase(std::pair(fetch.worker, fetch.worker_fetch_id));
  by_no_.erase(no);
}

Fetch* Fetches::find(FetchNo no) {
  const auto found = by_no_.find(no);
  return found == by_no_.end() ? nullptr : found->second.get();
}

Fetch* Fetches::find(WorkerId worker, WorkerFetchId worker_fetch_id) {
  const auto found = by_worker_.find(std::pair(worker, worker_fetch_id));
  return found == by_worker_.end() ? nullptr : found->second;
}

std::vector<Fetch*> Fetches::all() const {
  std::vector<Fetch*> fetches;
  for (const auto& [no, fetch] : by_no_) fetches.push_back(fetch.get());
  std::ranges::sort(fetches, {}, &Fetch::no);  // The table's own order differs from run to run.
  return fetches;
}

std::vector<Fetch*> Fetches::of_worker(WorkerId worker) const {
  std::vector<Fetch*> fetches;
  for (const auto& [key, fetch] : by_worker_) {
    if (key.first == worker) fetches.push_back(fetch);
  }
  std::ranges::sort(fetches, {}, &Fetch::no);  // The table's own order differs from run to run.
  return fetches;
}

}  // namespace daphnis::broker
