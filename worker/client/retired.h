#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace daphnis::worker {

class Exchange;
class Responder;

/// Exchanges that were cut and responders that others have replaced: they may still be in the
/// middle of a call of their own, so they live until the input that the worker is taking has been
/// handled. A client's connection ends with the exchange that it cuts, and each request has at most
/// one responder per source (the search, the cached file, the fetch); so the requests that one
/// input answers bound what is here. Owned by the SessionContext.
class Retired {
 public:
  Retired();
  ~Retired();
  Retired(const Retired&) = delete;
  Retired& operator=(const Retired&) = delete;

  void add(std::unique_ptr<Exchange> exchange);
  void add(std::unique_ptr<Responder> responder);
  /// Destroys them all. To be called at the end of an input, by nothing that they have called.
  void clear();
  /// The number of objects that are here.
  [[nodiscard]] size_t size() const { return exchanges_.size() + responders_.size(); }

 private:
  std::vector<std::unique_ptr<Exchange>> exchanges_;
  std::vector<std::unique_ptr<Responder>> responders_;
};

}  // namespace daphnis::worker
