"""One edge on loopback: a broker and its workers, and the L2s that dial in."""

import json
import pathlib
import re
import shlex

from fake_l2 import FakeL2, silent

from . import over_tls
from .client import get
from .process import binary, free_port, wait_for


class Edge:
    """Starts broker and workers in a World and waits until they serve. The World stops them.

    `patient`: an L2 has longer than the usual 800 ms for its first byte, so that a test of other
    things does not fail where a shared machine stands still for a moment."""

    def __init__(self, world, workers=2, broker_flags=(), worker_flags=(), patient=False,
                 binaries=None):
        self.world = world
        self._binaries = binaries  # Another build folder than DAPHNIS_BIN.
        self.client_port, self.l2_port, self.admin_port = free_port(), free_port(), free_port()
        # The port of each that is over TLS: that in plain text beside it.
        self._in_clear = {port: free_port() if over_tls.IS_ON else port
                          for port in (self.client_port, self.l2_port)}
        self.socket = world.folder / f"edge-{self.client_port}.sock"
        self.stats_path = world.folder / f"stats-{self.client_port}.ndjson"
        self._broker_flags, self._worker_flags = list(broker_flags), list(worker_flags)
        if patient:
            self._broker_flags += ["--first-byte-ms", "5000"]
        self.broker = None
        self.workers = []
        self.start_broker()
        for index in range(workers):
            self.start_worker(index)
        self.wait_ready()

    # --- Processes ---

    def start_broker(self):
        self.broker = self.world.start(f"broker-{self.client_port}", [
            binary("daphnis-broker", self._binaries), "--socket", self.socket,
            *self.listen_flags("--l2-listen", "--l2-tls-listen", self.l2_port),
            "--admin-listen", f"127.0.0.1:{self.admin_port}",
            "--stats-file", self.stats_path, *self._broker_flags])

    def start_worker(self, index):
        worker = self.world.start(f"worker{index}-{self.client_port}", [
            binary("daphnis-worker", self._binaries), "--socket", self.socket,
            *self.listen_flags("--listen", "--tls-listen", self.client_port), "--index", index,
            *self._worker_flags])
        if index < len(self.workers):
            self.workers[index] = worker
        else:
            self.workers.append(worker)

    def listen_flags(self, plain, tls, port):
        """The flags by which a program listens on that port."""
        return over_tls.listen_flags(plain, tls, port, self._in_clear[port])

    def in_clear(self, port):
        """The port in plain text that does what this one does."""
        return self._in_clear[port]

    def wait_ready(self, seconds=10.0):
        wait_for(lambda: len(self.workers_seen()) == sum(w.running() for w in self.workers),
                 "all workers are connected to the broker", seconds)
        wait_for(lambda: self.listens(self.client_port), "the client port listens", seconds)

    @staticmethod
    def listens(port):
        # /proc, not a connection: a probe would count as a client.
        entry = f"0100007F:{port:04X} 00000000:0000 0A"
        with open("/proc/net/tcp", encoding="ascii") as table:
            return any(entry in line for line in table)

    @property
    def processes(self):
        return [self.broker, *self.workers]

    def start_l2(self, store, l2_id, *flags, port=None):
        """The reference L2, not waited for. `port` is that of a relay to the edge, if any."""
        return self.world.start(f"l2-{l2_id}-{self.client_port}", [
            binary("daphnis-l2", self._binaries), "serve",
            *over_tls.l1_flags(port or self.l2_port), "--id", l2_id, "--store", store, *flags])

    def l2(self, store, l2_id, *flags, roots=None, port=None):
        """The reference L2, registered and with its holdings announced: one root a file unless
        `roots` says how many there are."""
        process = self.start_l2(store, l2_id, *flags, port=port)
        count = len(list(pathlib.Path(store).glob("*.car"))) if roots is None else roots
        wait_for(lambda: self.l2s().get(l2_id, {}).get("holdings") == count,
                 f"L2 {l2_id} is registered and has announced {count} roots")
        return process

    def fake(self, l2_id, answer=silent, **options):
        """A scripted L2, registered."""
        fake = FakeL2(self.l2_port, l2_id, answer, **options)
        self.world.on_close(fake.close)
        if fake.status == 200:
            self.wait_l2(l2_id)
        return fake

    # --- Clients ---

    def url(self, path):
        return over_tls.url(self.client_port, path)

    def get(self, path, method="GET", headers=(), seconds=15.0):
        return get(self.client_port, path, method, headers, seconds)

    def car(self, root, query="", **options):
        return self.get(f"/ipfs/{root}?format=car{query}", **options)

    # --- What the edge says of itself ---

    def admin(self, path, **options):
        return get(self.admin_port, path, **options)

    def _rows(self, path):
        try:
            response = self.admin(path)
        except OSError:
            return []
        return [json.loads(line) for line in response.body.splitlines() if line.strip()]

    def l2s(self):
        return {row["id"]: row for row in self._rows("/l2s")}

    def workers_seen(self):
        return self._rows("/workers")

    def wait_l2(self, l2_id, seconds=10.0):
        wait_for(lambda: l2_id in self.l2s(), f"L2 {l2_id} is registered", seconds)

    def wait_l2_gone(self, l2_id, seconds=10.0):
        wait_for(lambda: l2_id not in self.l2s(), f"L2 {l2_id} is gone", seconds)

    def metrics(self):
        """{name with labels: value} of the broker's Prometheus text."""
        lines = self.admin("/metrics").body.decode().splitlines()
        return {name: float(value) for name, value in
                (line.rsplit(" ", 1) for line in lines if line and line[0] != "#")}

    def _last_stats(self):
        """The last complete line of the stats file; None before the first, a second after start."""
        if not self.stats_path.exists():
            return None
        lines = self.stats_path.read_text().split("\n")[:-1]
        return json.loads(lines[-1]) if lines else None

    def wait_stats(self, condition, what, seconds=10.0):
        """Waits for a stats line, written from now on, of which condition(line) is true."""
        old = self._last_stats()

        def met():
            line = self._last_stats()
            return line if line and line != old and condition(line) else None
        return wait_for(met, what, seconds, every=0.05)

    def settle(self):
        """Waits until nothing is in flight."""
        self.wait_stats(lambda row: row["attempts_in_flight"] + row["fetches_in_flight"] == 0,
                        "nothing is in flight", 20)

    def wait_attempts_over(self):
        """Waits until the broker knows how all attempts have ended: a client may know it before."""
        wait_for(lambda: self.metrics()["daphnis_attempts_in_flight"] == 0,
                 "all attempts are over", 20)

    def idle_descriptors(self):
        """Descriptors of each process, once no L2 and no client is connected any more."""
        self.wait_stats(lambda row: row["connections"] == 0 and row["clients"]["connections"] == 0,
                        "nobody is connected", 20)
        return [process.descriptors() for process in self.processes]

    def worker_of(self, local_port):
        """The worker that holds the other end of a client's connection, once it is accepted."""
        held = []
        wait_for(lambda: held.append(self._holder(local_port)) or held[-1],
                 "a worker accepts the connection")
        return held[-1]

    def _holder(self, local_port):
        """The same; None where it is not accepted: by inode, from /proc."""
        entry = re.compile(rf"0100007F:{self.client_port:04X} 0100007F:{local_port:04X} .*")
        with open("/proc/net/tcp", encoding="ascii") as table:
            line = next((line for line in table if entry.search(line)), None)
        if not line:
            return None
        inode = line.split()[9]
        for worker in self.workers:
            for link in pathlib.Path(f"/proc/{worker.pid}/fd").iterdir():
                try:
                    if str(link.readlink()) == f"socket:[{inode}]":
                        return worker
                except OSError:
                    pass
        return None

    def access_line(self, request_id, seconds=3.0):
        """The worker's access line of that request, as a dict."""
        return self.log_line(self.workers, request_id, lambda row: "status" in row, seconds)

    def log_line(self, processes, request_id, condition, seconds=3.0):
        def found():
            for process in processes:
                for line in process.text().splitlines():
                    if request_id in line and condition(row := logfmt(line)):
                        return row
            return None
        return wait_for(found, f"a log line of request {request_id}", seconds)


def logfmt(line):
    """A logfmt line as a dict; {} where it is none."""
    if not re.match(r"\w+=", line):
        return {}
    try:
        return dict(part.split("=", 1) for part in shlex.split(line) if "=" in part)
    except ValueError:
        return {}
