#include <algorithm>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/tls/client_hello.h"

/// Checks that a ClientHello says the same however much of it is seen at a time, that each look
/// wants more than it has seen, and that a name is a host name.
namespace {

using daphnis::Bytes;
using daphnis::tls::HelloLook;
using daphnis::tls::look_at_client_hello;

/// The last of the looks at a connection of which nothing more comes: the first sees `seen` bytes,
/// and each next one as many as the one before it has wanted.
HelloLook look_in_steps(Bytes all, size_t seen) {
  while (true) {
    seen = std::min(seen, all.size());
    HelloLook look = look_at_client_hello(all.first(seen));
    if (look.found != HelloLook::Found::kNeedMore) return look;
    daphnis::check(look.needed_bytes > seen, "a look wants no more than it has seen");
    daphnis::check(look.needed_bytes <= daphnis::limits::kClientHelloBytesMax,
                   "a look wants more than the bound");
    if (seen == all.size()) return look;
    seen = look.needed_bytes;
  }
}

void check_name(const std::string& name) {
  daphnis::check(!name.empty() && name.size() <= 253, "a name has an odd size");
  daphnis::check(name.front() != '.' && name.back() != '.', "a name begins or ends with a dot");
  for (const char byte : name) {
    const bool is_fine = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') ||
                         byte == '-' || byte == '_' || byte == '.';
    daphnis::check(is_fine, "a name has an odd byte");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes all(data, size);
  const HelloLook whole = look_at_client_hello(all);
  if (whole.found == HelloLook::Found::kName) check_name(whole.name);
  daphnis::check((whole.found == HelloLook::Found::kNoHello) == !whole.problem.empty(),
                 "what is no hello has a problem, and nothing else has");
  for (const size_t first : {size_t{0}, size_t{1}, size > 7 ? size_t{data[7]} : size_t{7}}) {
    const HelloLook look = look_in_steps(all, first);
    daphnis::check(look.found == whole.found && look.name == whole.name,
                   "what is seen first changes what a hello says");
  }
  return 0;
}
