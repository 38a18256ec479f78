"""deploy/daphnis and programs that crash over and over, or refuse their settings."""

import os
import signal
import subprocess
import unittest
import urllib.request

from harness.supervised import WAIT_SECONDS, SupervisorCase, start_time


class CrashTest(SupervisorCase):
    def status_row(self, name):
        for line in self.daphnis("status").stdout.splitlines():
            if line.split()[:1] == [name]:
                return line
        return ""

    def serves(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=5) as answer:
            return int(answer.read())

    def test_a_crash_loop_of_the_broker_leaves_the_workers_serving(self):
        self.start("--crash-limit", "3")
        workers = [self.pid("worker-0"), self.pid("worker-1")]
        crash = self.bin / "crash-daphnis-broker"
        crash.touch()
        os.kill(self.pid("broker"), signal.SIGKILL)
        self.until("the loop is noticed", lambda: "broker is in a crash loop" in self.log())
        tried = self.log().count("broker restarted")
        self.until("it is tried again", lambda: self.log().count("broker restarted") > tried)
        self.until("status tells", lambda: "waiting (crash loop: exit status 7)"
                   in self.status_row("broker"))
        self.assertEqual(self.daphnis("status").returncode, 1)
        self.assertEqual([self.pid("worker-0"), self.pid("worker-1")], workers)
        self.assertIn(self.serves(), workers)
        self.assertIn("| cannot go on: no such thing", self.log())
        crash.unlink()
        self.assertEqual(self.daphnis("reload").returncode, 0)  # Nor need anybody wait 30 s.
        self.until("all run", self.all_running)

    def test_one_worker_in_a_crash_loop_leaves_the_others_and_all_of_them_end_everything(self):
        process = subprocess.Popen(self.arguments("run", "--crash-limit", "3"), text=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT)
        self.until("all run", self.all_running)
        (self.bin / "crash-daphnis-worker").touch()
        os.kill(self.pid("worker-1"), signal.SIGKILL)
        self.until("the loop is noticed", lambda: "worker-1 is in a crash loop" in self.log())
        self.assertEqual(self.serves(), self.pid("worker-0"))
        os.kill(self.pid("worker-0"), signal.SIGKILL)
        output, _ = process.communicate(timeout=WAIT_SECONDS)
        self.assertEqual(process.returncode, 5, output)
        self.assertRegex(output, r"worker-\d died 3 times within 60 s \(exit status 7\): giving up")
        self.assertIn("| cannot go on: no such thing", output)

    def test_settings_that_a_program_refuses_start_nothing(self):
        for name in ("daphnis-broker", "daphnis-worker", "daphnis-l2"):
            refuse = self.bin / f"refuse-{name}"
            refuse.touch()
            done = self.daphnis("start", "--l2-store", str(self.path))
            self.assertEqual((done.returncode, done.stdout), (2, "the settings are wrong\n"))
            self.assertEqual(list(self.log_dir.glob("*.log")), [])
            refuse.unlink()

    def test_what_refuses_its_settings_is_not_tried_again_before_a_reload(self):
        self.start()
        broker, worker = self.pid("broker"), self.pid("worker-0")
        refuse = self.bin / "refuse-daphnis-broker"
        refuse.touch()
        os.kill(broker, signal.SIGKILL)
        self.until("it has failed", lambda: "failed (refused" in self.status_row("broker"))
        failed = self.pid("broker")
        reloaded = self.daphnis("reload")  # Takes turns of the supervisor, too.
        self.assertEqual(reloaded.returncode, 1, reloaded.stdout)
        self.assertIn("nothing was changed: the settings are wrong", reloaded.stdout)
        self.assertEqual((self.pid("broker"), self.pid("worker-0")), (failed, worker))
        self.assertIsNone(start_time(failed))
        self.assertEqual(self.log().count("broker restarted"), 1)
        self.assertIsInstance(self.serves(), int)
        refuse.unlink()
        reloaded = self.daphnis("reload")
        self.assertEqual(reloaded.returncode, 0, reloaded.stdout)
        self.until("all run", self.all_running)
        self.assertNotEqual(self.pid("worker-0"), worker)


if __name__ == "__main__":
    unittest.main()
