"""deploy/daphnis, the supervisor, with small stand-in processes in place of the real programs."""

import os
import pathlib
import signal
import subprocess
import time
import unittest
import urllib.request

from harness.supervised import OURSELVES, SUPERVISOR, WAIT_SECONDS, SupervisorCase, start_time


class SupervisorTest(SupervisorCase):
    def test_start_returns_when_all_serve_and_stop_leaves_nothing(self):
        self.start("--l2-store", str(self.path))
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=5) as answer:
            self.assertIn(int(answer.read()), (self.pid("worker-0"), self.pid("worker-1")))
        status = self.daphnis("status")
        self.assertEqual(status.returncode, 0, status.stdout)
        rows = [line.split() for line in status.stdout.splitlines()[1:]]
        self.assertEqual([(row[0], row[4]) for row in rows],
                         [(name, "running") for name in ("broker", "worker-0", "worker-1", "l2")])
        # It counts as running once it lives, and has not said anything then, perhaps.
        serves = f"serve --l1 http://127.0.0.1:{self.l2_port} --store"
        self.until("the L2 serves", lambda: serves in self.daphnis("logs", "l2").stdout)
        stopped = self.daphnis("stop")
        self.assertEqual((stopped.returncode, stopped.stdout), (0, "stopped\n"))
        for (name, pid), began in self.seen.items():
            self.assertNotEqual(start_time(pid), began, f"{name} still runs")
        self.assertEqual(self.daphnis("status").returncode, 3)
        self.assertEqual(self.daphnis("stop").returncode, 0, "a second stop is no error")

    def test_what_is_killed_comes_back_at_once_then_later_and_the_others_stay(self):
        self.start()
        broker, first, second = self.pid("broker"), self.pid("worker-0"), self.pid("worker-1")
        for name, pid in (("worker-0", first), ("broker", broker)):
            began = time.monotonic()
            os.kill(pid, signal.SIGKILL)
            self.until(f"{name} restarts", lambda: self.pid(name) != pid)
            self.assertLess(time.monotonic() - began, 1.0)
        self.until("all run again", self.all_running)
        self.assertEqual(self.pid("worker-1"), second)
        self.assertIn("worker-0 (pid %d) died (killed by SIGKILL)" % first, self.log())
        restarts = {line.split()[0]: line.split()[3]
                    for line in self.daphnis("status").stdout.splitlines()[1:]}
        self.assertEqual(restarts, {"broker": "1", "worker-0": "1", "worker-1": "0"})
        again = self.pid("worker-0")
        died = time.monotonic()
        os.kill(again, signal.SIGKILL)
        self.until("worker-0 restarts again", lambda: self.pid("worker-0") != again)
        self.assertGreater(time.monotonic() - died, 0.9)

    def test_a_failed_start_says_what_failed_and_stops_the_rest(self):
        (self.bin / "crash-daphnis-broker").touch()
        done = self.daphnis("start")
        self.assertEqual(done.returncode, 5, done.stdout)
        self.assertIn("broker died 3 times", done.stdout)
        self.assertIn("| cannot go on: no such thing", done.stdout)
        self.assertEqual(self.daphnis("status").returncode, 3)

    def test_a_worker_that_does_not_listen_fails_the_start(self):
        (self.bin / "deaf-worker").touch()
        done = self.daphnis("start", "--start-seconds", "1")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("not ready within 1 s: worker-0 worker-1", done.stdout)

    def test_a_second_start_on_the_same_folder_is_refused(self):
        self.start()
        for verb in ("start", "run"):
            again = self.daphnis(verb)
            self.assertEqual(again.returncode, 4, again.stdout)
            self.assertIn("already running", again.stdout)
        self.assertTrue(self.all_running())

    def test_stop_kills_what_does_not_drain(self):
        (self.bin / "drain-for-ever").touch()
        self.start("--drain-seconds", "1")
        began = time.monotonic()
        stopped = self.daphnis("stop")
        self.assertEqual(stopped.returncode, 0, stopped.stdout)
        self.assertGreater(time.monotonic() - began, 0.9)
        self.assertIn("did not end in time, killing: worker-", self.log())

    def test_reload_replaces_the_workers_and_leaves_the_broker(self):
        self.start()
        before = {name: self.pid(name) for name in ("broker", "worker-0", "worker-1")}
        done = self.daphnis("reload", "--broker")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual(self.pid("broker"), before["broker"])
        for name in ("worker-0", "worker-1"):
            self.assertNotEqual(self.pid(name), before[name])
            self.assertIsNone(start_time(before[name]), f"the old {name} still runs")
            arguments = pathlib.Path(f"/proc/{self.pid(name)}/cmdline").read_text().split("\0")
            self.assertEqual(arguments[arguments.index("--index") + 1], name[-1])
        self.until("the broker got SIGHUP", (self.bin / "hup").exists)
        self.until("all run", self.all_running)

    def test_a_reload_to_a_broken_program_keeps_the_old_workers(self):
        self.start()
        before = {name: self.pid(name) for name in ("worker-0", "worker-1")}
        (self.bin / "crash-daphnis-worker").touch()
        done = self.daphnis("reload")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("the new worker-0 ended (exit status 7)", done.stdout)
        self.assertEqual({name: self.pid(name) for name in before}, before)
        self.until("all run on", self.all_running)

    def test_a_number_that_somebody_else_has_by_now_is_not_signalled(self):
        # A supervisor that was killed left a state file; meanwhile its numbers went to a stranger.
        self.run_dir.mkdir()
        with subprocess.Popen(["sleep", "60"]) as stranger:
            boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
            other = int(start_time(stranger.pid)) - 1
            (self.run_dir / "state").write_text(
                f"boot {boot}\nsupervisor {stranger.pid} {other}\nphase ready\ndrain_seconds 1\n"
                f"process worker-0 {stranger.pid} {other} 0 running 0\nend\n")
            (self.run_dir / "worker-0.pid").write_text(f"{stranger.pid}\n")
            self.assertEqual(self.daphnis("status").returncode, 3)
            self.assertEqual(self.daphnis("stop").stdout, "not running\n")
            self.start()
            self.assertEqual(self.daphnis("stop").returncode, 0)
            self.assertIsNone(stranger.poll(), "the stranger was signalled")
            stranger.kill()

    def test_processes_end_with_a_supervisor_that_is_killed(self):
        self.start()
        workers = [self.pid(name) for name in ("broker", "worker-0", "worker-1")]
        os.kill(self.pid("supervisor"), signal.SIGKILL)
        self.until("its processes leave", lambda: not any(map(start_time, workers)))
        self.start()

    def test_stop_ends_what_a_killed_supervisor_left(self):
        (self.bin / "drain-for-ever").touch()
        self.start("--drain-seconds", "1")
        os.kill(self.pid("supervisor"), signal.SIGKILL)
        stopped = self.daphnis("stop")
        self.assertEqual(stopped.returncode, 0, stopped.stdout)
        self.assertIn("the supervisor is gone", stopped.stdout)

    def test_the_watchdog_kills_what_is_silent(self):
        self.start("--watchdog-seconds", "2")
        worker, broker = self.pid("worker-1"), self.pid("broker")
        self.until("the worker beats", (self.bin / f"beat-{worker}").exists)
        time.sleep(0.8)  # Two looks of the watchdog, so that it knows the worker.
        os.kill(worker, signal.SIGSTOP)
        (self.bin / "mute").touch()
        self.until("the broker is replaced", lambda: self.pid("broker") != broker)
        (self.bin / "mute").unlink()
        self.until("the worker is replaced", lambda: self.pid("worker-1") != worker)
        for name, pid in (("worker-1", worker), ("broker", broker)):
            self.assertRegex(self.log(), r"%s \(pid %d\) has been silent for \d+ s" % (name, pid))

    def test_a_run_folder_that_others_may_change_is_refused_with_what_to_do(self):
        self.run_dir.mkdir(mode=0o755)
        self.log_dir.mkdir(mode=0o755)
        victim = self.path / "victim"
        victim.write_text("precious")
        nobody = 65534

        def refused(words):
            done = self.daphnis("start")
            self.assertEqual((done.returncode, words in done.stdout), (1, True), done.stdout)

        for mode in (0o775, 0o757, 0o1777):
            self.run_dir.chmod(mode)
            refused(f"chmod go-w {self.run_dir}")
        self.run_dir.chmod(0o755)
        for name in ("broker.log", "stats.ndjson", "lock", ".broker.pid", "state.tmp"):
            (self.run_dir / name).symlink_to(victim)
            refused(f"{name} is a symbolic link: remove it")
            (self.run_dir / name).unlink()
        (self.run_dir / "worker-0.log").touch(mode=0o644)
        os.chown(self.run_dir / "worker-0.log", nobody, nobody)
        refused(f"belongs to user {nobody}")
        (self.run_dir / "worker-0.log").unlink()
        os.chown(self.run_dir, nobody, nobody)
        refused(f"belongs to user {nobody}")
        # Nor is believed what such a folder says of processes, which `stop` would end.
        (self.run_dir / "state").touch()
        self.assertEqual(self.daphnis("stop").returncode, 1)
        os.chown(self.run_dir, 0, 0)
        (self.run_dir / "state").unlink()
        (self.log_dir / "worker-0.log").symlink_to(victim)
        refused("worker-0.log is a symbolic link: remove it")
        (self.log_dir / "worker-0.log").unlink()
        self.log_dir.chmod(0o775)
        refused(f"chmod go-w {self.log_dir}")
        self.log_dir.chmod(0o755)
        self.path.chmod(0o775)
        refused(f"chmod go-w {self.path}")
        self.path.chmod(0o700)
        self.assertEqual(victim.read_text(), "precious")
        self.start()

    def test_a_socket_path_beyond_the_systems_limit_is_refused_with_its_reason(self):
        done = subprocess.run([str(SUPERVISOR), "run", "--user", OURSELVES,
                               "--run-dir", str(self.path / ("d" * 100)),
                               "--bin-dir", str(self.bin)], text=True, timeout=20,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 1)
        self.assertIn("longer than the system's 107 bytes", done.stdout)


if __name__ == "__main__":
    unittest.main()
