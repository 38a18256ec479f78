#pragma once

#include <memory>

#include "worker/broker/denylist_feed.h"

namespace daphnis::worker::uv {

/// Maps the tables that the broker has written to files in memory. Owned by the Shell.
class MappedDenyTables final : public DenyTables {
 public:
  [[nodiscard]] Result<std::shared_ptr<const DenyTable>> open(
      const ipc::DenylistPlace& place) override;
};

}  // namespace daphnis::worker::uv
