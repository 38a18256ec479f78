"""Processes for tests of deploy/daphnis: the supervisor with small stand-ins for the real programs."""

import os
import pathlib
import pwd
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from .process import free_port

ROOT = pathlib.Path(__file__).resolve().parents[3]
SUPERVISOR = ROOT / "deploy" / "daphnis"
WAIT_SECONDS = 60  # Of which a machine that is not starved takes a tenth.
OURSELVES = pwd.getpwuid(os.geteuid()).pw_name

# One program for all three names. Files in the folder of the programs steer it: crash-NAME makes
# NAME exit at once, mutter-NAME even before it has opened its log, refuse-NAME makes it refuse its
# settings, mute makes the broker stop writing stats, deaf-worker keeps workers from listening,
# drain-for-ever keeps them from ending, slow-start keeps all from hearing SIGUSR1 for a second,
# and chatter makes the L2 number its lines.
STAND_IN = r'''#!%(python)s -S
import os, pathlib, signal, socket, sys, time
name = os.path.basename(sys.argv[0])
here = pathlib.Path(sys.argv[0]).parent
options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
if name == "daphnis-l2":
    options = dict(zip(sys.argv[2::2], sys.argv[3::2]))
def note(*words):
    try:
        os.write(2, (" ".join(map(str, words)) + "\n").encode())
    except OSError:  # A full disk ends none of the real programs either.
        pass
if (here / ("refuse-" + name)).exists():
    note("the settings are wrong")
    sys.exit(2)
if "--check-config" in sys.argv:
    sys.exit()
if "--print-config" in sys.argv:
    for flag, value in zip(sys.argv[1::2], sys.argv[2::2]):
        print(flag[2:] + "=" + value)
    sys.exit()
def open_log(*_):
    log = os.open(options["--log-file"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
    os.dup2(log, 2)
    os.close(log)
ended = False
def end(*_):
    global ended
    ended = True
signal.signal(signal.SIGTERM, end)
signal.signal(signal.SIGHUP, lambda *_: (here / "hup").write_text("yes"))
if (here / ("mutter-" + name)).exists():
    note("no log yet")
    sys.exit(7)
open_log()
if (here / "slow-start").exists():  # What does not listen to a signal yet dies of it.
    time.sleep(1)
signal.signal(signal.SIGUSR1, open_log)
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

def silence():
    return ",".join('"%%s":%%d' %% (beat.name[5:], (time.time() - beat.stat().st_mtime) * 1000)
                    for beat in here.glob("beat-*"))

if name == "daphnis-broker":
    admin = listen(options["--admin-listen"])
    said = 0
    while not ended:
        answer(admin, lambda path: "ok")
        if time.time() - said >= 0.5 and not (here / "mute").exists():
            said = time.time()
            try:
                with open(options["--stats-file"], "a") as stats:
                    stats.write('{"up":1,"workers_silent_ms":{%%s}}\n' %% silence())
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
    number = 0
    while not ended:
        time.sleep(0.002 if (here / "chatter").exists() else 0.05)
        if (here / "chatter").exists():
            note("line", number)
            number += 1
note(name, "ended")
'''


def start_time(pid):
    """Field 22 of /proc/PID/stat, or None for no process (a zombie is none)."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rsplit(")", 1)[1].split()
    return None if fields[0] in "ZX" else fields[19]


class SupervisorCase(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="dsup-")
        self.path = pathlib.Path(self.folder.name)
        self.bin = self.path / "bin"
        self.run_dir = self.path / "run"
        self.log_dir = self.path / "log"
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

    def arguments(self, verb, *more):
        if verb not in ("start", "run"):
            return [str(SUPERVISOR), verb, "--run-dir", str(self.run_dir), *more]
        return [str(SUPERVISOR), verb, "--run-dir", str(self.run_dir),
                "--log-dir", str(self.log_dir), "--bin-dir", str(self.bin),
                "--user", OURSELVES, "--workers", "2", "--listen", f"127.0.0.1:{self.port}",
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
        return (self.log_dir / "supervisor.log").read_text()

    def until(self, what, condition, seconds=WAIT_SECONDS):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition():
                return
            time.sleep(0.05)
        self.fail(f"not within {seconds} s: {what}")

    def all_running(self):
        return self.daphnis("status").returncode == 0
