#include "broker/choosing/past_sources.h"

#include <algorithm>

namespace daphnis::broker {

PastSources::Source& PastSources::at(std::string_view l2_id) {
  const auto found = std::ranges::find(sources_, l2_id, &Source::l2_id);
  return found != sources_.end() ? *found
                                 : sources_.emplace_back(Source{.l2_id = std::string(l2_id)});
}

const PastSources::Source* PastSources::find(std::string_view l2_id) const {
  const auto found = std::ranges::find(sources_, l2_id, &Source::l2_id);
  return found == sources_.end() ? nullptr : &*found;
}

void PastSources::add(std::string_view l2_id, uint64_t blocks_proven) {
  Source& source = at(l2_id);
  source.blocks_proven += blocks_proven;
  source.may_be_asked = !source.lied;
}

void PastSources::add_liar(std::string_view l2_id) {
  Source& source = at(l2_id);
  source.lied = true;
  source.may_be_asked = false;
}

void PastSources::forget(std::string_view l2_id) {
  at(l2_id).may_be_asked = false;
}

bool PastSources::has(std::string_view l2_id) const {
  const Source* source = find(l2_id);
  return source && source->may_be_asked;
}

bool PastSources::is_liar(std::string_view l2_id) const {
  const Source* source = find(l2_id);
  return source && source->lied;
}

std::vector<std::string_view> PastSources::ids() const {
  std::vector<const Source*> sources;
  for (const Source& source : sources_) {
    if (source.may_be_asked) sources.push_back(&source);
  }
  std::ranges::stable_sort(sources, std::ranges::greater{}, &Source::blocks_proven);
  std::vector<std::string_view> ids;
  for (const Source* source : sources) ids.emplace_back(source->l2_id);
  return ids;
}

}  // namespace daphnis::broker
