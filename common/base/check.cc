#include "common/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace daphnis {

void abort_on_bug(const char* what, std::source_location where) {
  std::fprintf(stderr, "bug: %s (%s:%u, %s)\n", what, where.file_name(), where.line(),
               where.function_name());
  std::abort();
}

}  // namespace daphnis
