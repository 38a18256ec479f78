#include <utility>

#include "broker/cache/cache.h"

/// The part of the cache that lets the scrubber prove files that clients ask for. Bit rot costs
/// most where the traffic is, and the scrubber's own rounds reach such a file no sooner than
/// others.
namespace daphnis::broker {

/// Queues a file that was hit and not proven for cache_verify_hours. Where kProofsWaitingMax are
/// queued, a later hit queues it.
void Cache::want_proof(const RequestKey& key) {
  const Settings& settings = context_.settings;
  if (settings.cache_verify_hours == 0 || settings.cache_scrub_bytes_per_s == 0) return;
  if (proofs_.size() >= limits::kProofsWaitingMax) return;
  if (!index_->wants_proof(key, settings.cache_verify_hours)) return;
  proofs_.push_back(key);
  start_proof();
}

/// Gives the folder the next file to prove, one at a time, since files in the queue may be evicted.
void Cache::start_proof() {
  if (proving_ || !is_folder_up_ || index_->is_scanning()) return;
  while (!proofs_.empty() && !index_->find(proofs_.front())) proofs_.pop_front();
  if (proofs_.empty()) return;
  proving_ = proofs_.front();
  proofs_.pop_front();
  context_.out.push(GiveTask{ProveFile{*proving_}});
}

void Cache::end_proof(const RequestKey& key, bool is_good) {
  index_->on_proof(key, is_good);
  if (proving_ == key) proving_.reset();
  start_proof();
}

/// Forgets the proof under way: a folder that goes down drops it.
void Cache::forget_proof() {
  if (proving_) index_->on_proof(*std::exchange(proving_, std::nullopt), false);
}

}  // namespace daphnis::broker
