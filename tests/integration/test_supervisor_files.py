"""deploy/daphnis in a full or damaged run folder."""

import os
import pathlib
import resource
import signal
import subprocess
import time
import unittest

from harness.supervised import WAIT_SECONDS, SupervisorCase, start_time


class RunFolderTest(SupervisorCase):
    def fill_up(self, full):
        """As on a full disk, no file of the supervisor (and of what it starts) can grow, or can
        again. The command that started it had SIGXFSZ ignored, so that a write just fails."""
        pid = self.pid("supervisor")
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0 if full else hard, hard))

    def start_with_failing_writes(self):
        done = subprocess.run(self.arguments("start"), stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
                              restore_signals=False)  # Python ignores SIGXFSZ.
        self.assertEqual(done.returncode, 0, done.stdout)
        self.note_processes()

    def test_a_full_run_folder_hides_nothing_and_heals(self):
        self.start_with_failing_writes()
        worker, told = self.pid("worker-1"), (self.run_dir / "state").read_text()
        self.fill_up(True)
        victim = worker
        for _ in range(2):  # When the second successor starts, the first one's turn is over.
            os.kill(victim, signal.SIGKILL)
            victim = self.next_child(victim)
        status = self.daphnis("status")
        self.assertEqual(status.returncode, 1, status.stdout)
        self.assertRegex(status.stdout, r"worker-1 .*dead")
        self.assertEqual((self.run_dir / "state").read_text(), told, "whole or not at all")
        again = self.daphnis("start")
        self.assertEqual(again.returncode, 4, again.stdout)
        self.fill_up(False)
        self.until("all is told again", self.all_running)
        # The state is written before the files that only scripts read.
        self.until("the pid file is told again", lambda: self.pid("worker-1") != worker)
        self.fill_up(True)
        os.kill(self.pid("worker-0"), signal.SIGKILL)
        stopped = self.daphnis("stop")
        self.assertEqual((stopped.returncode, stopped.stdout), (0, "stopped\n"))
        self.assertEqual(self.daphnis("status").returncode, 3)

    def next_child(self, before):
        """The process that the supervisor started in place of worker-1, known as `before`."""
        def found():
            pid, after = self.pid("supervisor"), []
            for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                try:
                    words = pathlib.Path(f"/proc/{child}/cmdline").read_text().split("\0")
                except OSError:
                    continue
                if "--index" in words and words[words.index("--index") + 1] == "1":
                    after.append(int(child))
            return [child for child in after if child != before and start_time(child)]
        self.until("worker-1 has a successor", found)
        return found()[0]

    def test_a_start_in_a_full_run_folder_fails_and_says_so(self):
        self.run_dir.mkdir()
        done = subprocess.run(self.arguments("run"), stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
                              restore_signals=False, preexec_fn=lambda: resource.setrlimit(
                                  resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY)))
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(f"cannot write in {self.run_dir}", done.stdout)

    def test_a_held_lock_and_a_living_process_outweigh_bad_files(self):
        self.start()
        supervisor = self.pid("supervisor")
        good = (self.run_dir / "state").read_text()
        os.kill(supervisor, signal.SIGSTOP)  # It would repair what we damage.
        (self.run_dir / "supervisor.pid").write_text("")
        for bad in ("", good[:len(good) // 2], "rubbish\n", None):
            (self.run_dir / "state").unlink()
            if bad is not None:
                (self.run_dir / "state").write_text(bad)
            status = self.daphnis("status")
            self.assertEqual(status.returncode, 1, status.stdout)
            self.assertIn(f"supervisor (pid {supervisor}) runs", status.stdout)
            self.assertRegex(status.stdout, r"worker-1 +%d .*unknown" % self.pid("worker-1"))
        self.assertEqual(self.daphnis("start").returncode, 4)
        os.kill(supervisor, signal.SIGCONT)
        self.until("the state is repaired", self.all_running)
        self.until("so is the pid file", lambda: (
            self.run_dir / "supervisor.pid").read_text() == f"{supervisor}\n")
        os.kill(supervisor, signal.SIGSTOP)
        (self.run_dir / "state").write_text("")
        with subprocess.Popen(self.arguments("stop"), stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE) as stop:
            os.kill(supervisor, signal.SIGCONT)
            self.assertEqual(stop.communicate(timeout=3 * WAIT_SECONDS)[0], "stopped\n")
        self.assertIsNone(start_time(supervisor))

    def test_a_command_that_comes_in_pieces_is_taken_whole(self):
        self.start()
        worker = self.pid("worker-0")
        supervisor = self.pid("supervisor")
        control = os.open(self.run_dir / "control", os.O_WRONLY | os.O_NONBLOCK)
        for piece in (b"rel", b"oad its-id ", b"\n"):
            # It comes while the wait for it has just ended, as it may on a busy box.
            os.kill(supervisor, signal.SIGSTOP)
            time.sleep(0.6)  # More than a turn of the supervisor; less would only prove less.
            os.write(control, piece)
            os.kill(supervisor, signal.SIGCONT)
            time.sleep(0.6)
        os.close(control)
        self.until("it is done", lambda: (self.run_dir / "reload.result").exists())
        self.assertEqual((self.run_dir / "reload.result").read_text(), "its-id ok\n")
        self.assertNotEqual(self.pid("worker-0"), worker)

    def test_a_command_with_a_nul_in_it_stops_nothing(self):
        self.start()
        control = os.open(self.run_dir / "control", os.O_WRONLY | os.O_NONBLOCK)
        os.write(control, b"\0\nreload its-id \n")
        os.close(control)
        self.until("it is done", lambda: (self.run_dir / "reload.result").exists())
        self.assertEqual((self.run_dir / "reload.result").read_text(), "its-id ok\n")


if __name__ == "__main__":
    unittest.main()
