"""kill -9 under load: others' streams finish, nothing cut looks complete, the edge comes back."""

import subprocess
import threading
import time

from harness import (ASAN, Connection, Edge, EdgeTest, binary, car, free_port, get, over_tls,
                     wait_for)
from harness.supervised import OURSELVES, SUPERVISOR


class CurlLoad:
    """Clients made of curl that fetch over and over. Afterwards each fetch was whole and right, or
    curl said that it was not."""

    def __init__(self, url, want, clients=6):
        self.url, self.want = url, want
        self.whole = self.failed = 0
        self.wrong = []
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def _run(self):
        while not self._stop.is_set():
            done = subprocess.run(["curl", "-sS", "--fail", "--max-time", "60", self.url],
                                  stdin=subprocess.DEVNULL, capture_output=True)
            with self._lock:
                if done.returncode != 0:
                    self.failed += 1
                elif done.stdout == self.want:
                    self.whole += 1
                else:
                    self.wrong.append(len(done.stdout))
            if done.returncode != 0:
                self._stop.wait(0.05)  # Nobody hammers a port that refuses.

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(90)
        return self


class KillTest(EdgeTest):
    def prepare(self, seed, mib=8):
        store = self.world.subfolder("store")
        root, body, pairs = car.file_car(car.numbered(seed, mib << 20))
        (store / "file.car").write_bytes(body)
        return store, root, body, pairs

    def assert_back_within_five_seconds(self, fetch, pairs, since):
        """One request suffices: the ones before it may have read along in what was under way when
        the process died, so that the edge may yet refuse the ones that come after them."""
        response = wait_for(lambda: self.success(fetch), "a new request succeeds", 8)
        took = time.monotonic() - since
        self.assert_car(response, pairs)
        if not ASAN:
            self.assertLess(took, 5)

    @staticmethod
    def success(fetch):
        """The answer of fetch(), or None where it is no whole 200."""
        try:
            response = fetch()
        except OSError:
            return None
        return response if response.status == 200 and response.complete else None


class Kill(KillTest):
    """Without a supervisor: the test itself starts anew what it killed."""

    def setUp(self):
        self.edge = Edge(self.world, patient=True)
        self.store, self.root, self.body, self.pairs = self.prepare("kill")

    def hold_streams(self, count=8):
        """Clients that have their 200 and then wait."""
        held = []
        for _ in range(count):
            connection = Connection(self.edge.client_port, seconds=60, receive_buffer=8192)
            self.world.on_close(connection.close)
            connection.request(f"/ipfs/{self.root}?format=car")
            head = connection.read_until(b"\r\n\r\n")
            self.assertIn(b" 200 ", head)
            connection.unread(head)
            held.append(connection)
        return held

    def test_a_workers_death_ends_its_streams_honestly_and_no_others(self):
        self.edge.l2(self.store, "home", "--capacity", "64")
        held = self.hold_streams(12)
        owners = [self.edge.worker_of(connection.socket.getsockname()[1]) for connection in held]
        self.assertEqual(2, len(set(owners)), "both workers have streams")
        load = CurlLoad(self.edge.url(f"/ipfs/{self.root}?format=car"), self.body)
        wait_for(lambda: load.whole >= 4, "load", 30)
        dead = self.edge.workers[0]
        died = time.monotonic()
        dead.kill()
        self.edge.start_worker(0)
        self.assert_back_within_five_seconds(lambda: self.edge.car(self.root), self.pairs, died)
        for connection, owner in zip(held, owners):
            response = connection.response()
            if owner is dead:
                self.assertFalse(response.complete)
                self.assertEqual(response.body, self.body[:len(response.body)])
            else:
                self.assert_car(response, self.pairs)
        load.stop()
        self.assertEqual([], load.wrong, "nothing cut looks complete to curl")
        self.edge.settle()

    def test_the_brokers_death_lets_streams_finish_and_all_attach_anew(self):
        self.edge.l2(self.store, "home", "--capacity", "64")
        held = self.hold_streams(6)
        load = CurlLoad(self.edge.url(f"/ipfs/{self.root}?format=car"), self.body)
        wait_for(lambda: load.whole >= 4, "load", 30)
        self.edge.broker.kill()
        died = time.monotonic()
        self.edge.start_broker()
        self.assert_back_within_five_seconds(lambda: self.edge.car(self.root), self.pairs, died)
        for connection in held:
            self.assert_car(connection.response(), self.pairs)
        load.stop()
        self.assertEqual([], load.wrong)
        self.edge.settle()

    def test_without_a_broker_workers_say_so(self):
        self.edge.l2(self.store, "home")
        self.assert_car(self.edge.car(self.root), self.pairs)
        self.edge.broker.kill()
        wait_for(lambda: self.edge.car(self.root).status == 503, "503 without a broker", 5)
        self.assertIn("retry-after", self.edge.car(self.root).headers)

    def test_an_l2s_death_fails_over_before_the_first_block_and_cuts_honestly_after(self):
        stores = [self.store, self.world.subfolder("store2")]
        (stores[1] / "file.car").write_bytes(self.body)
        l2s = [self.edge.l2(store, f"home-{n}", "--capacity", "64")
               for n, store in enumerate(stores)]
        held = self.hold_streams(8)
        load = CurlLoad(self.edge.url(f"/ipfs/{self.root}?format=car"), self.body)
        wait_for(lambda: load.whole >= 4, "load", 30)
        l2s[0].kill()
        died = time.monotonic()
        self.assert_back_within_five_seconds(lambda: self.edge.car(self.root), self.pairs, died)
        load.stop()
        self.assertEqual([], load.wrong)
        for connection in held:
            response = connection.response()
            if response.complete:
                self.assert_car(response, self.pairs)
            else:
                self.assertEqual(response.body, self.body[:len(response.body)])
        self.edge.wait_l2_gone("home-0")
        self.edge.settle()


class Supervised(KillTest):
    """The real programs under deploy/daphnis."""

    def begin_edge(self):
        self.store, self.root, self.body, self.pairs = self.prepare("supervised", mib=2)
        # The supervisor takes its programs from one folder.
        programs = self.world.subfolder("bin")
        for name in ("daphnis-broker", "daphnis-worker", "daphnis-l2"):
            (programs / name).symlink_to(binary(name))
        self.port, self.admin = free_port(), free_port()
        self.run_dir = self.world.subfolder("run")
        self.supervisor = self.world.start("supervisor", [
            SUPERVISOR, "run", "--run-dir", self.run_dir, "--log-dir", self.run_dir / "log",
            "--bin-dir", programs, "--user", OURSELVES, "--workers", "2",
            *over_tls.client_flags(self.port), "--l2-listen", f"127.0.0.1:{free_port()}",
            "--admin-listen", f"127.0.0.1:{self.admin}", "--l2-store", self.store])
        wait_for(lambda: self.success(self.fetch), "the supervised edge serves", 20)

    def fetch(self):
        return get(self.port, f"/ipfs/{self.root}?format=car")

    def is_ready(self):
        try:
            return get(self.admin, "/readyz").status == 200
        except OSError:
            return False

    def pid(self, name):
        return int((self.run_dir / f"{name}.pid").read_text().split()[0])

    def test_what_is_killed_comes_back_and_curl_is_never_fooled(self):
        self.begin_edge()
        load = CurlLoad(over_tls.url(self.port, f"/ipfs/{self.root}?format=car"), self.body, 3)
        for name in ("worker-0", "broker", "l2", "worker-1"):
            with self.subTest(name):
                done, pid = load.whole, self.pid(name)
                wait_for(lambda: load.whole >= done + 3, "load", 30)
                subprocess.run(["kill", "-KILL", str(pid)], check=True)
                died = time.monotonic()
                wait_for(lambda: self.pid(name) != pid and self.is_ready(), f"{name} is back", 10)
                self.assert_back_within_five_seconds(self.fetch, self.pairs, died)
        load.stop()
        self.assertEqual([], load.wrong)
        self.assertGreater(load.whole, 12)
        self.assertEqual(0, self.supervisor.stop(40))
        self.assertFalse(Edge.listens(self.port))
