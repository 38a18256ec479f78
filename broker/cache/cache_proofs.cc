#include <utility>

#include "broker/cache/cache.h"

/// The part of the cache that has files proven which clients ask for: bit rot costs most where the
/// traffic is, and the scrubber's own rounds come by there as rarely as anywhere.
namespace daphnis::broker {

/// A file was hit. One that was not proven for long is queued; where too many are, its next hit
/// comes back to it.
void Cache::want_proof(const RequestKey& key) {
  const Settings& settings = context_.settings;
  if (settings.cache_verify_hours == 0 || settings.cache_scrub_bytes_per_s == 0) return;
  if (proofs_.size() >= limits::kProofsWaitingMax) return;
  if (!index_->wants_proof(key, settings.cache_verify_hours)) return;
  proofs_.push_back(key);
  start_proof();
}

/// One at a time: what the scrubber has not begun may still be evicted.
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

/// The folder went down and has forgotten what it was to do.
void Cache::forget_proof() {
  if (proving_) index_->on_proof(*std::exchange(proving_, std::nullopt), false);
}

}  // namespace daphnis::broker
