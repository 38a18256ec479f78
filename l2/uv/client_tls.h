#pragma once

#include <memory>
#include <string>

#include "common/base/result.h"
#include "common/tls/context.h"

namespace daphnis::l2 {

/// Files (PEM) for L1s that TLS is spoken with.
struct ClientTlsFiles {
  std::string ca = {};           ///< CAs that are trusted; empty: those of the system.
  std::string certificate = {};  ///< Shown to an L1 that asks for one; empty: there is none.
  std::string key = {};          ///< The certificate's key, which others may not read.

  [[nodiscard]] bool empty() const { return ca.empty() && certificate.empty() && key.empty(); }
};

/// Reads them, and waits for the disk. Errors: as those of uv::read_small_file() and
/// tls::client_context().
[[nodiscard]] Result<std::shared_ptr<const tls::Context>> read_client_context(
    const ClientTlsFiles& files);

}  // namespace daphnis::l2
