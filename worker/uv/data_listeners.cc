#include "worker/uv/data_listeners.h"

#include <utility>

namespace daphnis::worker::uv {
namespace {

using daphnis::uv::UniqueFd;

constexpr int kL2Backlog = 1'024;

}  // namespace

void DataListeners::open() {
  if (is_closed_) return;
  open(plain_, addresses_.plain, false);
  open(tls_, addresses_.tls, true);
}

void DataListeners::open(Port& port, const std::optional<daphnis::uv::Address>& address,
                         bool is_tls) {
  if (!address || port.listener) return;
  auto bound = daphnis::uv::listen_tcp(*address, daphnis::uv::PortSharing::kExclusive, kL2Backlog);
  if (!bound) {
    if (std::exchange(port.has_failed, true)) return;
    log_.warn(LogLine("data_port_awaited")
                  .add("listen", address->text())
                  .add("why", bound.error().text())
                  .add("advice",
                       "a worker that leaves closes it; until then L2s deliver to the "
                       "broker"));
    return;
  }
  log_.info(LogLine("data_port_open").add("listen", address->text()).add("tls", is_tls));
  port.has_failed = false;
  port.listener = std::make_unique<ClientListener>(
      loop_, std::move(*bound),
      [this, is_tls](UniqueFd fd) { events_.on_l2(std::move(fd), is_tls); });
  tell();
}

void DataListeners::close() {
  if (std::exchange(is_closed_, true)) return;
  for (Port* port : {&plain_, &tls_}) {
    if (port->listener) port->listener->accept_waiting();
    port->listener.reset();
  }
  tell();
}

void DataListeners::tell() {
  events_.on_change({.plain = plain_.listener ? addresses_.plain->port : uint16_t{0},
                     .tls = tls_.listener ? addresses_.tls->port : uint16_t{0}});
}

}  // namespace daphnis::worker::uv
