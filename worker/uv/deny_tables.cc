#include "worker/uv/deny_tables.h"

#include <utility>

#include "common/uv/shared_memory.h"

namespace daphnis::worker::uv {

Result<std::shared_ptr<const DenyTable>> MappedDenyTables::open(const ipc::DenylistPlace& place) {
  struct Mapped {
    std::unique_ptr<daphnis::uv::SharedMemory> memory;
    DenyTable table;
  };
  auto memory = daphnis::uv::SharedMemory::open(place.path, place.bytes);
  if (!memory) return std::unexpected(std::move(memory.error()));
  auto table = DenyTable::open((*memory)->bytes());
  if (!table) return std::unexpected(std::move(table.error()));
  auto mapped = std::make_shared<Mapped>(Mapped{std::move(*memory), *table});
  const DenyTable* shared = &mapped->table;
  return std::shared_ptr<const DenyTable>(std::move(mapped), shared);
}

}  // namespace daphnis::worker::uv
