#pragma once

#include <cstdint>

namespace daphnis::ipc {

/// What a message's `fields` takes to visit every field, whatever version brought it: calls `each`
/// with one field after the other.
template <class Each>
struct EachField {
  Each each;
  void operator()(auto&... fields) { (each(fields), ...); }
  void since(uint16_t, auto&... fields) { (each(fields), ...); }
  void one_of(const auto& /*list*/, auto& field) { each(field); }
};

}  // namespace daphnis::ipc
