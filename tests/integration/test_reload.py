"""The client port under reloads, stopped and killed workers: nobody who comes is lost."""

import asyncio
import pathlib
import signal
import subprocess
import threading

from harness import (CAMPAIGN, Connection, Edge, EdgeTest, binary, car, free_port, get, over_tls,
                     wait_for)

SUPERVISOR = pathlib.Path(__file__).parents[2] / "deploy" / "daphnis"
PROBE = "/ipfs/bafkqaaa?format=raw"  # Needs no L2.
ASK = f"GET {PROBE} HTTP/1.1\r\nHost: edge\r\n\r\n".encode()
PATIENCE_SECONDS = 60


class Clients:
    """HTTP clients that ask over and over: some on connections that they keep until an answer says
    that it is the last, some on a new one each time. `faults`: whatever was not a whole 200."""

    def __init__(self, port, keeping, fresh, pause=0.1):
        self.port, self.pause = port, pause
        self.answers, self.closes, self.faults = 0, 0, []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=[self._run(keeping, fresh)])
        self._thread.start()

    def stop(self):
        self._stop.set()
        self._thread.join(PATIENCE_SECONDS * 2)
        return self

    async def _run(self, keeping, fresh):
        await asyncio.gather(*(self._keep() for _ in range(keeping)),
                             *(self._come_anew() for _ in range(fresh)))

    def _connect(self):
        return asyncio.open_connection("127.0.0.1", self.port, ssl=over_tls.context_of(self.port))

    async def _keep(self):
        while not self._stop.is_set():
            try:
                reader, writer = await self._connect()
                while not self._stop.is_set() and not await self._ask(reader, writer):
                    await asyncio.sleep(self.pause)
                writer.close()
            except (OSError, EOFError, ValueError, TimeoutError) as error:
                self.faults.append(f"kept: {error!r}")
                await asyncio.sleep(self.pause)

    async def _come_anew(self):
        while not self._stop.is_set():
            try:
                reader, writer = await self._connect()
                await self._ask(reader, writer)
                writer.close()
            except (OSError, EOFError, ValueError, TimeoutError) as error:
                self.faults.append(f"new: {error!r}")
            await asyncio.sleep(self.pause / 10)

    async def _ask(self, reader, writer):
        """One request; whether its answer is the connection's last."""
        writer.write(ASK)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_SECONDS)
        if b" 200 " not in head.split(b"\r\n")[0]:
            raise ValueError(head)
        self.answers += 1
        is_last = b"\r\nConnection: close\r\n" in head
        self.closes += is_last
        return is_last


class Streams:
    """curl, one after the other, for something large; each is to be whole."""

    def __init__(self, url, size, count):
        self.url, self.size = url, size
        self.whole, self.faults = 0, []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS * 4)
        return self

    def _run(self):
        while not self._stop.is_set():
            done = subprocess.run(
                ["curl", "-sS", "--fail", "--max-time", "120", "--limit-rate", "300M", "-o",
                 "/dev/null", "-w", "%{size_download}", self.url],
                stdin=subprocess.DEVNULL, capture_output=True, text=True)
            if done.returncode == 0 and int(done.stdout) == self.size:
                self.whole += 1
            else:
                self.faults.append(f"{done.returncode} {done.stdout} {done.stderr}")


class Reload(EdgeTest):
    """The real programs under deploy/daphnis."""

    def begin_edge(self, mib):
        store = self.world.subfolder("store")
        with open(self.world.folder / "file", "wb") as file:
            for number in range(mib):
                file.write(car.numbered(f"reload-{number}", 1 << 20))
        packed = subprocess.run(
            [binary("daphnis-l2"), "pack", file.name, "-o", store / "file.car"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
        root, size = packed.stdout.strip(), (store / "file.car").stat().st_size
        programs = self.world.subfolder("bin")
        for name in ("daphnis-broker", "daphnis-worker", "daphnis-l2"):
            (programs / name).symlink_to(binary(name))
        self.port = free_port()
        self.run_dir = self.world.subfolder("run")
        self.supervisor = self.world.start("supervisor", [
            SUPERVISOR, "run", "--run-dir", self.run_dir, "--log-dir", self.run_dir / "log",
            "--bin-dir", programs, "--workers", "2",
            *over_tls.client_flags(self.port), "--l2-listen", f"127.0.0.1:{free_port()}",
            "--admin-listen", f"127.0.0.1:{free_port()}", "--l2-store", store,
            "--l2-arg", "--capacity", "--l2-arg", "64", "--drain-seconds", "120",
            "--broker-arg", "--first-byte-ms", "--broker-arg", "5000",
            "--worker-arg", "--drain-ms", "--worker-arg", "110000"])
        path = f"/ipfs/{root}?format=car"

        def serves():
            try:
                return get(self.port, path, "HEAD").status == 200
            except OSError:
                return False
        wait_for(serves, "the supervised edge serves", 30)
        wait_for(lambda: subprocess.run(
            [SUPERVISOR, "status", "--run-dir", self.run_dir], stdout=subprocess.DEVNULL,
            check=False).returncode == 0, "the supervisor knows", 30, every=0.1)
        return over_tls.url(self.port, path), size

    def pids(self):
        return [int((self.run_dir / f"worker-{i}.pid").read_text()) for i in (0, 1)]

    def test_a_reload_loses_no_request_and_cuts_no_stream(self):
        url, size = self.begin_edge(1024 if CAMPAIGN else 4)
        reloads = 20 if CAMPAIGN else 2
        clients = Clients(self.port, keeping=64, fresh=8)
        self.addCleanup(clients.stop)  # Whatever comes of the test, its threads must not go on.
        streams = Streams(url, size, 2)
        self.addCleanup(streams.stop)
        wait_for(lambda: clients.answers > 100 and streams.whole >= 1, "load", PATIENCE_SECONDS)
        for number in range(reloads):
            before = self.pids()
            done = subprocess.run([SUPERVISOR, "reload", "--run-dir", self.run_dir],
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True)
            self.assertEqual(0, done.returncode, done.stdout + done.stderr)
            self.assertFalse(set(before) & set(self.pids()), f"reload {number} replaced both")
        clients.stop()
        streams.stop()
        self.assertEqual(([], []), (clients.faults, streams.faults))
        self.assertGreaterEqual(clients.closes, 64, "kept connections were told to end")
        print(f"{reloads} reloads: {clients.answers} answers, {clients.closes} of them the last of "
              f"their connection, {streams.whole} streams of {size} bytes, no failure")
        broker = (self.run_dir / "log" / "broker.log").read_text()
        self.assertNotIn("worker_lost", broker)
        self.assertEqual(2 * reloads, broker.count("event=worker_left"))
        self.assertEqual(0, self.supervisor.stop(130))
        self.assertFalse(Edge.listens(self.port))


class Stopped(EdgeTest):
    """Workers that stand still or die, without a supervisor."""

    def clients(self, port, count):
        """Connections that have asked, whoever is to accept them. Over TLS they have said hello."""
        waiting = []
        for _ in range(count):
            connection = Connection(port, seconds=PATIENCE_SECONDS, lazy=True)
            self.world.on_close(connection.close)
            if not over_tls.IS_ON:
                connection.send(ASK)
            waiting.append(connection)
        return waiting

    def assert_served(self, waiting):
        if over_tls.IS_ON:
            for connection in waiting:
                connection.send(ASK)
        self.assertEqual([200] * len(waiting), [c.response().status for c in waiting])

    def held(self, edge):
        """Of how many workers each one has the sockets. There are two of each where one is for TLS."""
        each = 2 if over_tls.IS_ON else 1
        return sorted(row["listeners"] / each for row in edge.workers_seen())

    def test_others_serve_the_share_of_a_stopped_worker_until_it_goes_on(self):
        edge = Edge(self.world, workers=2)
        wait_for(lambda: self.held(edge) == [1, 1], "both sockets are kept")
        stopped = edge.workers[0]
        stopped.signal(signal.SIGSTOP)
        # Half of them are in its queue. Nothing but the other worker can answer these.
        self.assert_served(self.clients(edge.client_port, 40))
        self.assertEqual([1, 2], self.held(edge))
        self.assert_served(self.clients(edge.client_port, 40))
        stopped.signal(signal.SIGCONT)
        wait_for(lambda: self.held(edge) == [1, 1], "it has its share again")
        self.assert_served(self.clients(edge.client_port, 40))
        self.assertEqual(1, edge.broker.text().count("event=worker_answers"))

    def test_who_waits_at_a_worker_that_is_killed_is_served_by_the_next(self):
        edge = Edge(self.world, workers=1)
        wait_for(lambda: self.held(edge) == [1], "its socket is kept")
        edge.workers[0].signal(signal.SIGSTOP)
        waiting = self.clients(edge.client_port, 20)
        edge.workers[0].kill()
        edge.start_worker(0)
        self.assert_served(waiting)

    def test_a_worker_that_starts_before_its_broker_serves_and_hands_on(self):
        edge = Edge(self.world, workers=1)
        edge.broker.kill()
        edge.workers[0].kill()
        edge.start_worker(0)
        wait_for(lambda: edge.listens(edge.client_port), "it listens without a broker")
        self.assert_served(self.clients(edge.client_port, 10))
        edge.start_broker()
        wait_for(lambda: self.held(edge) == [1], "the next broker keeps its socket")
        edge.workers[0].signal(signal.SIGSTOP)
        waiting = self.clients(edge.client_port, 10)
        edge.workers[0].kill()
        edge.start_worker(0)
        self.assert_served(waiting)

    def test_the_port_closes_soon_after_its_last_worker_has_gone(self):
        edge = Edge(self.world, workers=1)
        wait_for(lambda: self.held(edge) == [1], "its socket is kept")
        self.assertEqual(0, edge.workers[0].stop())
        wait_for(lambda: not edge.listens(edge.client_port), "the port is closed", 20)
        self.assertIn("event=worker_left", edge.broker.text())
        self.assertNotIn("worker_lost", edge.broker.text())
