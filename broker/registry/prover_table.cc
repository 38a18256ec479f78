#include "broker/registry/prover_table.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <iterator>
#include <type_traits>
#include <utility>

#include "common/base/check.h"
#include "common/base/hash64.h"

namespace daphnis::broker {
namespace {

/// The batches that a network's share is made of: so much of it is forgotten at once.
constexpr size_t kBatchesPerShare = 16;

}  // namespace

ProverTable::ProverTable(const RandomSource& random, size_t keys_max)
    : random_(random),
      sets_(keys_max / kWays),
      set_mask_(sets_ - 1),
      per_network_max_(keys_max / kProverTableShares),
      batch_max_(std::max<size_t>(per_network_max_ / kBatchesPerShare, 1)) {
  check(std::has_single_bit(keys_max) && keys_max >= kProverTableShares,
        "a table of such a size cannot be shared out");
}

/// Takes zeroed memory that the system gives page by page as it is used.
void ProverTable::take_memory() {
  static_assert(std::is_trivially_destructible_v<Entry>);
  entries_.reset(static_cast<Entry*>(std::calloc(sets_ * kWays, sizeof(Entry))));
  check(entries_ != nullptr, "no memory for the table of descent");
  const Uuid secret = random_();
  static_assert(sizeof(secret) == sizeof(secret_));
  std::memcpy(secret_.data(), secret.data(), sizeof(secret_));
  choice_ = secret_[1];
}

uint64_t ProverTable::tag_of(uint64_t key) const {
  return mix64(mix64(key ^ secret_[0]) + secret_[1]);
}

const ProverTable::Batch* ProverTable::find(BatchNo no) const {
  const auto found = no == 0 ? batches_.end() : batches_.find(no);
  return found == batches_.end() ? nullptr : &found->second;
}

bool ProverTable::is_live(const Entry& entry) const {
  return std::ranges::any_of(entry.provers, [&](BatchNo no) { return find(no) != nullptr; });
}

ProverTable::Entry* ProverTable::find_entry(uint64_t key) const {
  if (!entries_) return nullptr;
  const uint64_t tag = tag_of(key);
  Entry* set = set_of(tag);
  Entry* found = std::find_if(
      set, set + kWays, [&](const Entry& entry) { return entry.tag == tag && is_live(entry); });
  return found == set + kWays ? nullptr : found;
}

/// An entry for a new key: one that stands for nothing, or else one of the set's at random.
ProverTable::Entry& ProverTable::make_place(uint64_t tag) {
  Entry* set = set_of(tag);
  Entry* place =
      std::find_if(set, set + kWays, [&](const Entry& entry) { return !is_live(entry); });
  if (place == set + kWays) {
    choice_ = mix64(choice_ + 0x9e3779b97f4a7c15);
    place = set + choice_ % kWays;
    for (const BatchNo no : place->provers) count(no, false);
  }
  *place = {.tag = tag, .provers = {}};
  return *place;
}

bool ProverTable::learn(uint64_t key, L2No l2, Network network) {
  if (!entries_) take_memory();
  const BatchNo batch = batch_for(l2, network);  // May forget what the table has of this key.
  Entry* known = find_entry(key);
  Entry& entry = known ? *known : make_place(tag_of(key));
  const auto is_its = [&](BatchNo no) {
    const Batch* of = find(no);
    return of && of->l2 == l2;
  };
  const auto old = std::ranges::find_if(entry.provers, is_its);
  const bool was_known = old != entry.provers.end();
  // The pair moves to the newest batch; a new one takes the place of one that is dead, or else of
  // the older one.
  const auto dead = std::ranges::find_if(entry.provers, [&](BatchNo no) { return !find(no); });
  const auto at = was_known                     ? old
                  : dead != entry.provers.end() ? dead
                                                : std::prev(entry.provers.end());
  count(*at, false);
  std::move_backward(entry.provers.begin(), at, std::next(at));
  entry.provers.front() = batch;
  count(batch, true);
  return !was_known;
}

ProverTable::Provers ProverTable::provers(uint64_t key) const {
  Provers found;
  const Entry* entry = find_entry(key);
  if (!entry) return found;
  for (const BatchNo no : entry->provers) {
    if (const Batch* batch = find(no)) found.push_back(batch->l2);
  }
  return found;
}

bool ProverTable::strike(uint64_t key, L2No l2) {
  Entry* entry = find_entry(key);
  if (!entry) return false;
  for (BatchNo& no : entry->provers) {
    const Batch* batch = find(no);
    if (!batch || batch->l2 != l2) continue;
    count(std::exchange(no, 0), false);
    return true;
  }
  return false;
}

void ProverTable::forget(L2No l2) {
  const auto found = of_l2_.find(l2);
  if (found == of_l2_.end()) return;
  for (const BatchNo no : std::vector<BatchNo>(found->second)) drop(no);
}

/// The batch that the L2's next pair goes to, after room was made for it in its network's share.
ProverTable::BatchNo ProverTable::batch_for(L2No l2, Network network) {
  for (auto found = of_network_.find(network);
       found != of_network_.end() && found->second.pairs >= per_network_max_;
       found = of_network_.find(network)) {
    drop(number_of(*found->second.ages.begin()));
  }
  const auto its = of_l2_.find(l2);
  const BatchNo last = its == of_l2_.end() ? 0 : its->second.back();
  const bool has_room = last != 0 && batches_.at(last).given < batch_max_;
  return has_room ? last : begin_batch(l2, network);
}

ProverTable::BatchNo ProverTable::begin_batch(L2No l2, Network network) {
  do {
    ++last_age_;
  } while (number_of(last_age_) == 0 || batches_.contains(number_of(last_age_)));
  const BatchNo no = number_of(last_age_);
  batches_.emplace(no, Batch{.age = last_age_, .l2 = l2, .network = network});
  of_network_[network].ages.insert(last_age_);
  std::vector<BatchNo>& its = of_l2_[l2];
  const BatchNo former = its.empty() ? 0 : its.back();
  its.push_back(no);
  if (former != 0 && batches_.at(former).pairs == 0) erase(former);
  return no;
}

/// A pair of the batch came into the table, or left it.
void ProverTable::count(BatchNo no, bool is_added) {
  const auto found = no == 0 ? batches_.end() : batches_.find(no);
  if (found == batches_.end()) return;
  Batch& batch = found->second;
  OfNetwork& network = of_network_.at(batch.network);
  if (is_added) {
    ++batch.given;
    ++batch.pairs;
    ++network.pairs;
    ++size_;
    return;
  }
  --batch.pairs;
  --network.pairs;
  --size_;
  // The L2's last batch is still added to.
  if (batch.pairs == 0 && of_l2_.at(batch.l2).back() != no) erase(no);
}

/// Forgets a batch with all its pairs.
void ProverTable::drop(BatchNo no) {
  Batch& batch = batches_.at(no);
  of_network_.at(batch.network).pairs -= batch.pairs;
  size_ -= std::exchange(batch.pairs, 0);
  erase(no);
}

/// Forgets a batch that has no pairs.
void ProverTable::erase(BatchNo no) {
  const Batch batch = batches_.at(no);
  check(batch.pairs == 0, "pairs are forgotten that were not counted out");
  const auto network = of_network_.find(batch.network);
  network->second.ages.erase(batch.age);
  if (network->second.ages.empty()) of_network_.erase(network);
  const auto its = of_l2_.find(batch.l2);
  std::erase(its->second, no);
  if (its->second.empty()) of_l2_.erase(its);
  batches_.erase(no);
}

}  // namespace daphnis::broker
