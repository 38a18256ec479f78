#include "broker/l2_http/l2_connection.h"

namespace daphnis::broker {

L2Connection::Event L2Connection::next(Bytes& bytes) {
  const Bytes offered = bytes;
  const auto step = parser_.step(offered);
  bytes = offered.subspan(step.consumed);
  switch (step.event) {
    case http::Parser::Event::kNeedMore:
      last_ = {};
      if (!in_body_) held_.insert(held_.end(), offered.begin(), offered.end());
      break;
    case http::Parser::Event::kHead:
      in_body_ = true;
      body_bytes = 0;
      last_ = offered.first(step.consumed);
      break;
    case http::Parser::Event::kBody:
      body_bytes += step.body.size();
      break;
    case http::Parser::Event::kEnd:
      in_body_ = false;
      held_.clear();
      break;
    case http::Parser::Event::kRefused:
      last_ = offered.first(step.consumed);
      break;
  }
  return {step.event, step.body};
}

void L2Connection::rest() {
  std::vector<uint8_t>().swap(held_);  // An assignment of {} would keep the memory.
  static_cast<void>(parser_.take_head());
}

std::vector<uint8_t> L2Connection::received(Bytes rest) const {
  std::vector<uint8_t> all;
  all.reserve(held_.size() + last_.size() + rest.size());
  all.insert(all.end(), held_.begin(), held_.end());
  all.insert(all.end(), last_.begin(), last_.end());
  all.insert(all.end(), rest.begin(), rest.end());
  return all;
}

std::string_view L2Connection::head_text() const {
  if (in_body_) return {};
  return held_.empty() ? as_text(last_) : as_text(held_);
}

}  // namespace daphnis::broker
