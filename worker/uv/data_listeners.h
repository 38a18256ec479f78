#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "common/uv/fd.h"
#include "common/uv/log.h"
#include "common/uv/loop.h"
#include "worker/uv/client_listener.h"
#include "worker/worker.h"

namespace daphnis::worker::uv {

/// The worker's own ports, where L2s deliver to it (docs/operations.md). Only one process may have
/// such a port: a worker that is to follow another tries until that one has closed it, and L2s are
/// told of it only then. Owned by the Shell.
class DataListeners {
 public:
  struct Addresses {
    std::optional<daphnis::uv::Address> plain = {};
    std::optional<daphnis::uv::Address> tls = {};
  };
  struct Events {
    std::function<void(daphnis::uv::UniqueFd, bool is_tls)> on_l2;
    /// Which ports are open from now on.
    std::function<void(DataPorts)> on_change;
  };

  DataListeners(daphnis::uv::Loop& loop, daphnis::uv::Log& log, Addresses addresses, Events events)
      : loop_(loop), log_(log), addresses_(std::move(addresses)), events_(std::move(events)) {}

  /// Opens what is not open yet; for a call at the start, and one a second.
  void open();
  /// Closes them for good; the L2s that wait there are taken first.
  void close();

 private:
  struct Port {
    std::unique_ptr<ClientListener> listener = nullptr;
    bool has_failed = false;  ///< The log says so.
  };
  void open(Port& port, const std::optional<daphnis::uv::Address>& address, bool is_tls);
  void tell();

  daphnis::uv::Loop& loop_;
  daphnis::uv::Log& log_;
  const Addresses addresses_;
  const Events events_;
  Port plain_;
  Port tls_;
  bool is_closed_ = false;
};

}  // namespace daphnis::worker::uv
