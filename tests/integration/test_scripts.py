"""The shell scripts: syntax, shellcheck, and that what they ask for is there. The units of systemd."""

import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPTS = [ROOT / name for name in ("deploy/daphnis", "deploy/quickstart", "deploy/install-deps",
                                    "tests/run", ".ci/run")]
UNITS = ROOT / "deploy" / "systemd"
SYSTEM_UNITS = pathlib.Path("/usr/lib/systemd/system")


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

    @unittest.skipUnless(shutil.which("systemd-analyze") and SYSTEM_UNITS.exists(),
                         "there is no systemd-analyze here")
    def test_systemd_understands_the_units(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            units = root / "etc" / "systemd" / "system"
            drop_in = units / "daphnis-broker.service.d"
            drop_in.mkdir(parents=True)
            # What units name must be there: those of systemd itself, and programs.
            shutil.copytree(SYSTEM_UNITS, root / SYSTEM_UNITS.relative_to("/"), symlinks=True)
            for name in ("usr/local/bin/daphnis-broker", "usr/local/bin/daphnis-worker",
                         "usr/local/bin/daphnis-l2", "bin/kill", "bin/chown"):
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy("/bin/true", root / name)
            for unit in (*UNITS.glob("*.service"), *UNITS.glob("*.target")):
                shutil.copy(unit, units)
            shutil.copy(UNITS / "tokens.conf", drop_in)
            done = run("systemd-analyze", "verify", f"--root={root}", "--man=no",
                       "daphnis-broker.service", "daphnis-worker@0.service", "daphnis-l2.service",
                       "daphnis.target")
        self.assertEqual((0, ""), (done.returncode, done.stdout))


if __name__ == "__main__":
    unittest.main()
