// The part of Fetch that knows by which list its output was judged.

#include "worker/fetch/fetch.h"

namespace daphnis::worker {

void Fetch::on_denylist() {
  // What was proven before was judged by another list. One block was judged with the request.
  if (has_begun() && !asks_for_one_block(request_)) {
    is_stale_ = true;
    return report_failure();
  }
  judged_by_ = denylist_id();
  if (spool_) spool_->set_judged_by(judged_by_);
}

DenylistId Fetch::denylist_id() const {
  const Denylist* denylist = context_.settings.budget.denylist;
  return denylist ? denylist->id() : 0;
}

}  // namespace daphnis::worker
