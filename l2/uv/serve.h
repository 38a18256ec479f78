#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/logfmt.h"
#include "common/tls/context.h"
#include "l2/core/l1_session.h"
#include "l2/core/l1_url.h"

namespace daphnis::l2 {

struct ServeSettings {
  std::vector<L1Url> l1s;
  /// Not null where TLS is spoken with one of them.
  std::shared_ptr<const tls::Context> tls = nullptr;
  std::string l2_id;  ///< Empty: own_id() of the store.
  std::string store;
  uint32_t capacity = limits::kL2CapacityDefault;
  uint64_t data_url_ms = limits::kDataUrlReachMs;  ///< To reach a data URL.
  Generation generation = Generation::kV2;
  LogLevel log_level = LogLevel::kInfo;
  std::string log_file;         ///< Empty: stderr.
  std::string token_file = {};  ///< Empty: no token is shown.
};

/// `daphnis-l2 serve`: runs until SIGTERM or SIGINT. Returns the exit code.
[[nodiscard]] int serve(const ServeSettings& settings);

}  // namespace daphnis::l2
