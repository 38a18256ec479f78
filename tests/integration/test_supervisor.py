"""deploy/daphnis, the supervisor, with small stand-in processes in place of the real programs.

Runs alone: python3 -m unittest test_supervisor (in this folder).
"""

import os
import pathlib
import random
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
SUPERVISOR = ROOT / "deploy" / "daphnis"
WAIT_SECONDS = 20

# One program for all three names. Files in the folder of the programs steer it: crash-NAME makes
# NAME exit at once, mute makes the broker stop writing stats, deaf-worker keeps workers from
# listening, drain-for-ever keeps them from ending.
STAND_IN = r'''#!%(python)s -S
import os, pathlib, signal, socket, sys, time
name = os.path.basename(sys.argv[0])
here = pathlib.Path(sys.argv[0]).parent
options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
if name == "daphnis-l2":
    options = dict(zip(sys.argv[2::2], sys.argv[3::2]))
ended = False
def end(*_):
    global ended
    ended = True
signal.signal(signal.SIGTERM, end)
signal.signal(signal.SIGHUP, lambda *_: (here / "hup").write_text("yes"))
def note(*words):
    try:
        os.write(2, (" ".join(map(str, words)) + "\n").encode())
    except OSError:  # A full disk ends none of the real programs either.
        pass
note(name, "started as", os.getpid(), *sys.argv[1:])
if (here / ("crash-" + name)).exists():
    note("cannot go on: no such thing")
    sys.exit(7)

def listen(address):
    host, port = address.rsplit(":", 1)
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.bind((host, int(port)))
    s.listen(64)
    s.settimeout(0.1)
    return s

def answer(listener, body_of):
    try:
        peer, _ = listener.accept()
    except (TimeoutError, InterruptedError):
        return
    peer.settimeout(1)
    try:
        head = peer.recv(4096).decode()
        body = body_of(head.split()[1])
        head = "HTTP/1.1 200 OK\r\nContent-Length: %%d\r\n\r\n" %% len(body)
        peer.sendall((head + body).encode())
    except (OSError, IndexError):
        pass
    peer.close()

def worker_lines(path):
    if path != "/workers":
        return "ok"
    lines = ""
    for beat in here.glob("beat-*"):
        silent_ms = int((time.time() - beat.stat().st_mtime) * 1000)
        lines += '{"index":0,"pid":%%s,"silent_ms":%%d}\n' %% (beat.name[5:], silent_ms)
    return lines

if name == "daphnis-broker":
    admin = listen(options["--admin-listen"])
    said = 0
    while not ended:
        answer(admin, worker_lines)
        if time.time() - said >= 0.5 and not (here / "mute").exists():
            said = time.time()
            try:
                with open(options["--stats-file"], "a") as stats:
                    stats.write('{"up":1}\n')
            except OSError:
                pass
elif name == "daphnis-worker":
    while (here / "deaf-worker").exists() and not ended:
        time.sleep(0.05)
    if not ended:
        clients = listen(options["--listen"])
    beat = here / ("beat-%%d" %% os.getpid())
    while not ended:
        beat.touch()
        answer(clients, lambda path: str(os.getpid()))
    clients.close()
    while (here / "drain-for-ever").exists():
        time.sleep(0.05)
else:
    while not ended:
        time.sleep(0.05)
note(name, "ended")
'''


def free_port():
    """Below the range the kernel picks outgoing ports from."""
    while True:
        port = random.randrange(12000, 32000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def start_time(pid):
    """Field 22 of /proc/PID/stat, or None for no process (a zombie is none)."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rsplit(")", 1)[1].split()
    return None if fields[0] in "ZX" else fields[19]


class SupervisorTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="dsup-")
        self.path = pathlib.Path(self.folder.name)
        self.bin = self.path / "bin"
        self.run_dir = self.path / "run"
        self.bin.mkdir()
        for name in ("daphnis-broker", "daphnis-worker", "daphnis-l2"):
            program = self.bin / name
            program.write_text(STAND_IN % {"python": os.path.realpath(sys.executable)})
            program.chmod(0o755)
        self.port, self.l2_port, self.admin_port = free_port(), free_port(), free_port()
        self.seen = {}

    def tearDown(self):
        (self.bin / "drain-for-ever").unlink(missing_ok=True)
        self.note_processes()
        self.daphnis("stop")
        left = [f"{name} {pid}" for (name, pid), began in self.seen.items()
                if began is not None and start_time(pid) == began]
        for word in left:  # What a failed test could not stop.
            os.kill(int(word.split()[1]), signal.SIGKILL)
        self.folder.cleanup()
        self.assertEqual(left, [], "processes left after stop")

    # --- helpers ---

    def arguments(self, verb, *more):
        if verb not in ("start", "run"):
            return [str(SUPERVISOR), verb, "--run-dir", str(self.run_dir), *more]
        return [str(SUPERVISOR), verb, "--run-dir", str(self.run_dir), "--bin-dir", str(self.bin),
                "--workers", "2", "--listen", f"127.0.0.1:{self.port}",
                "--l2-listen", f"127.0.0.1:{self.l2_port}",
                "--admin-listen", f"127.0.0.1:{self.admin_port}", "--drain-seconds", "3", *more]

    def daphnis(self, verb, *more):
        return subprocess.run(self.arguments(verb, *more), stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)

    def start(self, *more):
        done = self.daphnis("start", *more)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.note_processes()

    def note_processes(self):
        for pid_file in self.run_dir.glob("*.pid"):
            pid = int(pid_file.read_text() or 0)
            self.seen.setdefault((pid_file.stem, pid), start_time(pid))

    def pid(self, name):
        self.note_processes()
        return int((self.run_dir / f"{name}.pid").read_text())

    def log(self):
        return (self.run_dir / "supervisor.log").read_text()

    def until(self, what, condition, seconds=WAIT_SECONDS):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition():
                return
            time.sleep(0.05)
        self.fail(f"not within {seconds} s: {what}")

    def all_running(self):
        return self.daphnis("status").returncode == 0

    # --- behaviour ---

    def test_start_returns_when_all_serve_and_stop_leaves_nothing(self):
        self.start("--l2-store", str(self.path))
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=5) as answer:
            self.assertIn(int(answer.read()), (self.pid("worker-0"), self.pid("worker-1")))
        status = self.daphnis("status")
        self.assertEqual(status.returncode, 0, status.stdout)
        rows = [line.split() for line in status.stdout.splitlines()[1:]]
        self.assertEqual([(row[0], row[4]) for row in rows],
                         [(name, "running") for name in ("broker", "worker-0", "worker-1", "l2")])
        l2_log = self.daphnis("logs", "l2").stdout
        self.assertIn(f"serve --l1 http://127.0.0.1:{self.l2_port} --store", l2_log)
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

    def test_a_crash_loop_ends_everything_and_names_the_process(self):
        process = subprocess.Popen(self.arguments("run", "--crash-limit", "3"), text=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT)
        self.until("all run", self.all_running)
        (self.bin / "crash-daphnis-worker").touch()
        os.kill(self.pid("worker-1"), signal.SIGKILL)
        output, _ = process.communicate(timeout=WAIT_SECONDS)
        self.assertEqual(process.returncode, 5, output)
        self.assertIn("worker-1 died 3 times within 60 s (exit status 7): giving up", output)
        self.assertIn("| cannot go on: no such thing", output)

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

    # --- a full or damaged run folder ---

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
        self.assertNotEqual(self.pid("worker-1"), worker)
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
        for bad in ("", good[:len(good) // 2], "rubbish\n", None):
            os.kill(supervisor, signal.SIGSTOP)  # It would repair what we damage.
            (self.run_dir / "supervisor.pid").write_text("")
            (self.run_dir / "state").unlink()
            if bad is not None:
                (self.run_dir / "state").write_text(bad)
            status = self.daphnis("status")
            self.assertEqual(status.returncode, 1, status.stdout)
            self.assertIn(f"supervisor (pid {supervisor}) runs", status.stdout)
            self.assertRegex(status.stdout, r"worker-1 +%d .*unknown" % self.pid("worker-1"))
            self.assertEqual(self.daphnis("start").returncode, 4)
            os.kill(supervisor, signal.SIGCONT)
            self.until("the files are repaired", self.all_running)
            self.assertEqual(self.pid("supervisor"), supervisor)
        os.kill(supervisor, signal.SIGSTOP)
        (self.run_dir / "state").write_text("")
        with subprocess.Popen(self.arguments("stop"), stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE) as stop:
            os.kill(supervisor, signal.SIGCONT)
            self.assertEqual(stop.communicate(timeout=WAIT_SECONDS)[0], "stopped\n")
        self.assertIsNone(start_time(supervisor))

    def test_logs_are_rotated_on_sigusr1(self):
        self.start()
        os.kill(self.pid("supervisor"), signal.SIGUSR1)
        self.until("the log is rotated", (self.run_dir / "worker-0.log.1").exists)
        self.assertIn("started as", (self.run_dir / "worker-0.log.1").read_text())
        os.kill(self.pid("worker-0"), signal.SIGKILL)
        self.until("the new log is written to",
                   lambda: "started as" in (self.run_dir / "worker-0.log").read_text())

    def test_a_socket_path_beyond_the_systems_limit_is_refused_with_its_reason(self):
        done = subprocess.run([str(SUPERVISOR), "run", "--run-dir", str(self.path / ("d" * 100)),
                               "--bin-dir", str(self.bin)], text=True, timeout=20,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 1)
        self.assertIn("longer than the system's 107 bytes", done.stdout)


if __name__ == "__main__":
    unittest.main()
