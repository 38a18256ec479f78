"""The shell scripts: syntax, shellcheck, and that what they ask for is there."""

import pathlib
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPTS = [ROOT / name for name in ("deploy/daphnis", "deploy/quickstart", "deploy/install-deps",
                                    "tests/run", ".ci/run")]


def run(*argv):
    return subprocess.run([str(word) for word in argv], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)


class ScriptsTest(unittest.TestCase):
    def test_shellcheck_finds_nothing(self):
        done = run("shellcheck", "-x", "--source-path=SCRIPTDIR", *SCRIPTS)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_scripts_are_executable_and_explain_themselves(self):
        for script in SCRIPTS[:3]:
            done = run(script, "--help")
            self.assertEqual(done.returncode, 0, done.stdout)
            self.assertIn("Usage:", done.stdout)
        for script in SCRIPTS:
            self.assertTrue(script.stat().st_mode & 0o100, f"{script.name} is not executable")

    def test_wrong_usage_is_status_2(self):
        for words in (["deploy/daphnis"], ["deploy/daphnis", "dance"],
                      ["deploy/daphnis", "run", "--no-such"], ["deploy/quickstart", "--no-such"],
                      ["deploy/daphnis", "run", "--listen", "here", "--run-dir", "/nowhere"],
                      ["deploy/install-deps", "--no-such"]):
            done = run(ROOT / words[0], *words[1:])
            self.assertEqual(done.returncode, 2, f"{words}: {done.stdout}")

    def test_nothing_that_is_needed_is_missing(self):
        self.assertEqual(run(ROOT / "deploy/install-deps", "--list").stdout, "")


if __name__ == "__main__":
    unittest.main()
