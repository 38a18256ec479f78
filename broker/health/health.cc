#include "broker/health/health.h"

namespace daphnis::broker {

void Health::add(const OrderEnd& end, uint64_t now_ms) {
  blocks_proven_ += end.blocks_proven;
  has_deeds_ |= end.blocks_proven > 0;
  streams_proven_ += end.how == OrderEnd::How::kServed && end.blocks_proven > 0 ? 1 : 0;
  OrderEnds& ends = ends_.at(now_ms);
  ends.bytes += end.body_bytes;
  ends.stream_ms += end.stream_ms;
  ends.judged += end.how == OrderEnd::How::kNothing ? 0 : 1;
  ends.aborted += end.how == OrderEnd::How::kAborted ? 1 : 0;
  ends.silent += end.how == OrderEnd::How::kSilent ? 1 : 0;
  ends.lied += end.how == OrderEnd::How::kLied ? 1 : 0;
}

OrderEnds Health::ends(uint64_t now_ms) const {
  OrderEnds sum;
  ends_.each(now_ms, [&](const OrderEnds& one) {
    sum.judged += one.judged;
    sum.aborted += one.aborted;
    sum.silent += one.silent;
    sum.lied += one.lied;
    sum.bytes += one.bytes;
    sum.stream_ms += one.stream_ms;
  });
  return sum;
}

}  // namespace daphnis::broker
