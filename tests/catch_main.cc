#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

#include "tests/fakes/skip.h"

int main(int argc, char* argv[]) {
  const int failures = Catch::Session().run(argc, argv);
  return failures == 0 && daphnis::test::anything_skipped ? daphnis::test::kSkipped : failures;
}
