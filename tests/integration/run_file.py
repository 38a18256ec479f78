"""Runs test files by name, as ctest does: exit code 77 (ctest: skipped) where every test of them was
skipped, which python3 -m unittest takes for a success.

    python3 tests/integration/run_file.py test_gateway…
"""

import sys
import unittest
import warnings

SKIPPED = 77


def main(names):
    suite = unittest.defaultTestLoader.loadTestsFromNames(names)
    result = unittest.TextTestRunner(verbosity=2, warnings="ignore").run(suite)
    # A class that is skipped as a whole counts as none run; a test that skips itself, as one.
    ran = result.testsRun - sum(isinstance(test, unittest.TestCase) for test, _ in result.skipped)
    if not result.wasSuccessful() or (ran == 0 and not result.skipped):
        return 1
    return SKIPPED if ran == 0 else 0


if __name__ == "__main__":
    warnings.simplefilter("ignore", ResourceWarning)
    sys.exit(main(sys.argv[1:]))
