#include "common/cachefile/cache_denial.h"

namespace daphnis {

std::optional<Denial> denial_of(const CacheTrailer& trailer, const DenyTable& table) {
  const Cid& root = trailer.request.root;
  const DenyVerdict verdict = table.judge(root, trailer.request.path);
  if (verdict.denial) return verdict.denial;
  for (const CachedBlock& block : trailer.blocks) {
    if (verdict.is_excepted && block.cid.names_same_block(root)) continue;
    if (auto denial = table.judge_block(block.cid)) return denial;
  }
  return std::nullopt;
}

}  // namespace daphnis
