#include "worker/client/retired.h"

#include <utility>

#include "worker/client/exchange.h"

namespace daphnis::worker {

Retired::Retired() = default;
Retired::~Retired() = default;

void Retired::add(std::unique_ptr<Exchange> exchange) {
  exchanges_.push_back(std::move(exchange));
}

void Retired::add(std::unique_ptr<Responder> responder) {
  responders_.push_back(std::move(responder));
}

void Retired::clear() {
  exchanges_.clear();
  responders_.clear();
}

}  // namespace daphnis::worker
