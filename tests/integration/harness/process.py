"""Processes of a test: started in a World, stopped with it."""

import atexit
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ASAN = os.environ.get("DAPHNIS_ASAN") == "1"
# Tests at their full size, which takes gigabytes, minutes and a quiet machine.
CAMPAIGN = os.environ.get("DAPHNIS_CAMPAIGN") == "1"

# Sanitized builds on shared cores: all but the product's own deadlines gets slower.
PATIENCE = 4 if ASAN else 1


def wait_for(condition, what, seconds=10.0, every=0.01):
    """Polls until condition() is truthy and returns its value; fails after `seconds`."""
    deadline = time.monotonic() + seconds * PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds * PATIENCE:g} s in vain: {what}")
        time.sleep(every)


def binary(name, build=None):
    """The path of one of our programs, in that build folder or the one that DAPHNIS_BIN names."""
    root = build or os.environ.get("DAPHNIS_BIN")
    if not root:
        raise AssertionError("DAPHNIS_BIN must name the build folder (ctest sets it)")
    for folder in ("", name.split("-", 1)[1]):
        path = pathlib.Path(root, folder, name)
        if path.is_file():
            return str(path)
    raise AssertionError(f"no {name} in {root}: build it first")


def free_port():
    """A port nobody listens on, below the range the kernel picks outgoing ports from."""
    return free_ports(1)


def free_ports(count):
    """The first of so many such ports in a row. Until this process ends no other test gets them, also
    while nobody listens there."""
    while True:
        first = random.randrange(12000, 32000)
        claims = [claim for port in range(first, first + count) if (claim := claimed(port))]
        if len(claims) == count:
            _claims.extend(claims)
            return first
        for claim in claims:
            claim.close()


_claims = []  # A socket for each port of ours.


def claimed(port):
    """A socket that claims the port among the tests that run side by side: of an abstract name, which
    goes with its process. None where another has it, or somebody listens there."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0daphnis-test-port-{port}")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
    except OSError:
        claim.close()
        return None
    return claim


class Process:
    """One child. stdout and stderr go to `log`; `setpriv` ties its life to ours, so that even a
    killed test run leaves nothing behind. Owned by a World."""

    def __init__(self, name, argv, log, env=None, stdout=None):
        self.name = name
        self.log = pathlib.Path(log)
        with open(self.log, "ab") as sink:
            self._child = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *map(str, argv)],
                stdin=subprocess.DEVNULL, stdout=stdout or sink, stderr=sink,
                env={**os.environ, **(env or {})}, start_new_session=True)
        self.pid = self._child.pid

    def running(self):
        return self._child.poll() is None

    def signal(self, number):
        if self.running():
            self._child.send_signal(number)

    def kill(self):
        """SIGKILL, and reaped."""
        self.signal(signal.SIGKILL)
        return self._child.wait()

    def stop(self, seconds=5):
        """SIGTERM, then SIGKILL after `seconds`. Returns the exit status."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            return self._child.wait(seconds * PATIENCE)
        except subprocess.TimeoutExpired:
            return self.kill()

    def end_group(self):
        """Kills what the process left behind in its session (a shell's children)."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def wait(self, seconds):
        return self._child.wait(seconds * PATIENCE)

    def text(self):
        return self.log.read_text(errors="replace")

    def rss_kib(self):
        return self._status("VmRSS")

    def rss_peak_kib(self):
        return self._status("VmHWM")

    def reset_rss_peak(self):
        pathlib.Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def _status(self, key):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1])
        raise AssertionError(f"{self.name} has no {key}: it is dead")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))


class World:
    """A temporary folder and the processes that live in it. close() ends both."""

    _open = []

    def __init__(self):
        # A short path: Unix socket addresses hold 107 bytes.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="daphnis-"))
        self._processes = []
        self._closers = []
        World._open.append(self)

    def start(self, name, argv, **options):
        process = Process(name, argv, self.folder / f"{name}.log", **options)
        self._processes.append(process)
        return process

    def on_close(self, closer):
        """Calls closer() before the processes are stopped (fake L2s, connections)."""
        self._closers.append(closer)

    def subfolder(self, name):
        path = self.folder / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def died(self):
        """Sanitizer reports and crashes among our processes, one line each."""
        lines = []
        for process in self._processes:
            text = process.text() if process.log.exists() else ""
            for sign in ("ERROR: AddressSanitizer", "LeakSanitizer", "runtime error:",
                         "check failed"):
                if sign in text:
                    lines.append(f"{process.name}: {sign}")
            code = process._child.poll()
            if code is not None and code in (-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS):
                lines.append(f"{process.name} ended by signal {-code}")
        return lines

    def logs(self, bytes_each=6000):
        parts = []
        for path in sorted({process.log for process in self._processes}):
            text = path.read_text(errors="replace") if path.exists() else ""
            if text:
                parts.append(f"--- {path.name}\n{text[-bytes_each:]}")
        return "\n".join(parts)

    def stop_processes(self):
        for closer in reversed(self._closers):
            closer()
        self._closers.clear()
        # All at once first: they stop side by side.
        for process in self._processes:
            process.signal(signal.SIGCONT)
            process.signal(signal.SIGTERM)
        for process in self._processes:
            process.stop()
            process.end_group()

    def close(self):
        if self not in World._open:
            return
        World._open.remove(self)
        self.stop_processes()
        if os.environ.get("DAPHNIS_KEEP") != "1":
            shutil.rmtree(self.folder, ignore_errors=True)

    @classmethod
    def close_all(cls):
        for world in list(cls._open):
            world.close()


atexit.register(World.close_all)
signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(SystemExit(143)))
