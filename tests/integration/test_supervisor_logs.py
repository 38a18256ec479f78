"""deploy/daphnis and its logs: where they lie, that a rotation loses nothing, and their bound."""

import os
import pathlib
import re
import signal
import subprocess
import time
import unittest

from harness.supervised import ROOT, SupervisorCase

SIZE = 28 << 10


class LogsTest(SupervisorCase):
    def rotate(self, name):
        """Returns when a process has opened its next log."""
        log = self.log_dir / f"{name}.log"
        before = log.stat().st_ino
        os.kill(self.pid("supervisor"), signal.SIGUSR1)
        self.until(f"{log} is new", lambda: log.exists() and log.stat().st_ino != before)
        self.until(f"{name} writes there", lambda: log.samefile(f"/proc/{self.pid(name)}/fd/2"))

    def fill(self, name, when, size=SIZE):
        path = self.log_dir / name
        path.write_bytes(b"x" * size)
        os.utime(path, (when, when))
        return path

    def test_logs_lie_in_the_log_folder_and_are_found_there(self):
        self.start()
        for name in ("broker", "worker-0", "worker-1", "supervisor"):
            self.assertTrue((self.log_dir / f"{name}.log").stat().st_size, name)
            self.assertEqual((self.log_dir / f"{name}.log").stat().st_mode & 0o137, 0, name)
        self.assertEqual(list(self.run_dir.glob("*.log")), [])
        self.assertIn("started as", self.daphnis("logs", "worker-0").stdout)
        self.daphnis("stop")
        self.assertIn("stopped", self.daphnis("logs", "supervisor").stdout)

    def test_an_ordinary_user_has_them_in_the_run_folder_and_root_in_var_log(self):
        def default(uid):  # EUID cannot be set: the lines that ask for it ask for UID_OF instead.
            script = 'eval "$(sed "s/EUID/UID_OF/" "$1")"; default_log_dir; printf %s "$LOG_DIR"'
            return subprocess.run(
                ["bash", "-c", script, "-", ROOT / "deploy" / "lib" / "logs.sh"], text=True,
                stdout=subprocess.PIPE, check=True,
                env={**os.environ, "UID_OF": uid, "RUN_DIR": "/r", "LOG_DIR": ""}).stdout
        self.assertEqual((default("0"), default("1000")), ("/var/log/daphnis", "/r/log"))

    def test_a_rotation_loses_no_line_and_ends_nobody(self):
        (self.bin / "chatter").touch()
        self.start("--l2-store", str(self.path))
        l2, log = self.pid("l2"), self.log_dir / "l2.log"
        for _ in range(3):
            self.until("it says something", lambda: log.read_text().count("line ") > 20)
            self.rotate("l2")
        self.until("it goes on", lambda: "line " in log.read_text())
        (self.bin / "chatter").unlink()
        self.assertEqual(self.pid("l2"), l2)
        self.daphnis("stop")
        text = "".join(pathlib.Path(f"{log}{end}").read_text() for end in (".3", ".2", ".1", ""))
        numbers = [int(number) for number in re.findall(r"^line (\d+)$", text, re.MULTILINE)]
        self.assertEqual(numbers, list(range(len(numbers))))
        self.assertGreater(len(numbers), 60)
        self.assertIn("ended", log.read_text())

    def test_the_file_of_attempts_lies_beside_the_logs_and_is_rotated_like_them(self):
        self.start()
        words = pathlib.Path(f"/proc/{self.pid('broker')}/cmdline").read_text().split("\0")
        attempts = self.log_dir / "attempts.ndjson"
        self.assertEqual(words[words.index("--attempts-file") + 1], str(attempts))
        attempts.write_text("{}\n")
        os.kill(self.pid("supervisor"), signal.SIGUSR1)
        rotated = self.log_dir / "attempts.ndjson.1"
        self.until("it is rotated", rotated.exists)
        self.assertEqual(rotated.read_text(), "{}\n")

    def test_the_supervisor_writes_on_in_its_own_new_log(self):
        self.start()
        self.rotate("supervisor")
        os.kill(self.pid("worker-0"), signal.SIGKILL)
        self.until("it tells", lambda: "worker-0 restarted" in self.log())
        self.assertIn("ready: clients at", (self.log_dir / "supervisor.log.1").read_text())

    def test_who_cannot_hear_of_a_rotation_yet_is_waited_for(self):
        self.start("--l2-store", str(self.path))  # Which does not wait for the L2.
        log = self.log_dir / "l2.log"
        self.until("there is a line to rotate", lambda: log.stat().st_size)
        (self.bin / "slow-start").touch()
        before = self.pid("l2")
        os.kill(before, signal.SIGKILL)
        self.until("it is back", lambda: self.pid("l2") != before)
        again = self.pid("l2")
        self.rotate("l2")
        self.assertEqual(self.pid("l2"), again)
        self.until("all run", self.all_running)

    def test_no_signal_comes_at_a_bad_moment(self):
        (self.bin / "chatter").touch()
        self.start("--l2-store", str(self.path))
        supervisor = self.pid("supervisor")
        end = time.monotonic() + 3
        while time.monotonic() < end:  # Each asks for a rotation, which asks many programs.
            os.kill(supervisor, signal.SIGUSR1)
            os.kill(supervisor, signal.SIGCHLD)
            time.sleep(0.0003)
        self.rotate("l2")
        self.assertTrue(self.all_running())
        self.assertNotIn("syntax error", "".join(
            path.read_text() for path in self.log_dir.glob("supervisor.log*")))

    def test_over_the_total_bound_the_oldest_go_and_what_is_not_ours_stays(self):
        self.start("--log-total-bytes", "64K")
        oldest = self.fill("worker-0.log.3", 1000)
        later, latest = self.fill("broker.log.3", 2000), self.fill("l2.log.1", 3000)
        other = self.fill("other.log.1", 500)
        os.kill(self.pid("supervisor"), signal.SIGUSR1)
        self.until("the oldest is gone", lambda: not oldest.exists())
        self.assertEqual(self.daphnis("reload").returncode, 0)  # That turn is over, then.
        self.assertTrue((self.log_dir / "worker-1.log.1").exists())
        self.assertEqual([path.exists() for path in (later, latest, other)], [True] * 3)

    def on_a_full_disk(self, files_max):
        """One look at the logs where the disk is full while more than so many files lie there."""
        script = (f'. "$1/proc.sh"; . "$1/logs.sh"; alive() {{ false; }}; DAEMON=no; '
                  f'LOG_BYTES=$((64 << 20)) LOG_TOTAL_BYTES=$((4 << 30)); '
                  f'disk_full() {{ (($(ls "$LOG_DIR" | wc -l) > {files_max})); }}; rotate_logs')
        subprocess.run(["bash", "-c", script, "-", ROOT / "deploy" / "lib"], check=True,
                       env={**os.environ, "LOG_DIR": str(self.log_dir)})
        return sorted(path.name for path in self.log_dir.iterdir())

    def test_on_a_full_disk_the_oldest_go_and_never_what_is_written_now(self):
        self.log_dir.mkdir()
        for number, name in enumerate(("l2.log.3", "broker.log.2", "l2.log.2", "l2.log")):
            self.fill(name, 1000 + number)
        self.assertEqual(self.on_a_full_disk(3), ["broker.log.2", "l2.log", "l2.log.2"])
        self.assertEqual(self.on_a_full_disk(0), ["l2.log"])
        self.fill("l2.log", 5000, 2 << 20)  # Nothing old is left, and there is no room to go on.
        self.assertEqual(self.on_a_full_disk(1), ["l2.log"])
        self.assertEqual(self.on_a_full_disk(0), [])

    def test_what_a_program_says_before_it_has_a_log_is_shown(self):
        (self.bin / "mutter-daphnis-worker").touch()
        done = self.daphnis("start")
        self.assertEqual(done.returncode, 5, done.stdout)
        self.assertIn("| no log yet", done.stdout)

    def test_a_log_file_that_the_operator_chose_is_left_to_him(self):
        own = self.path / "own.log"
        self.start("--worker-arg", "--log-file", "--worker-arg", str(own))
        words = pathlib.Path(f"/proc/{self.pid('worker-0')}/cmdline").read_text().split("\0")
        self.assertEqual(words.count("--log-file"), 1)
        (self.bin / "crash-daphnis-worker").touch()
        self.assertEqual(self.daphnis("reload").returncode, 1)
        self.assertIn("| cannot go on: no such thing", self.log())

    def test_two_edges_do_not_share_a_log_folder(self):
        self.start()
        other = [*self.arguments("run"), "--run-dir", str(self.path / "other")]
        done = subprocess.run(other, stdin=subprocess.DEVNULL, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=60)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(f"another edge logs to {self.log_dir}", done.stdout)
        self.assertTrue(self.all_running())


if __name__ == "__main__":
    unittest.main()
