"""Direct deliveries to a worker's own port, in plain text and over TLS. The L2s are the reference one,
curl, and sockets."""

import os
import pathlib
import re
import signal
import subprocess
import tempfile
import threading

from harness import (Connection, Edge, EdgeTest, binary, car, free_port, free_ports, over_tls,
                     wait_for)
from harness.certificates import Ca

LEAF = 16 << 10
BEHIND = 100_000


def setUpModule():
    over_tls.skip_module(over_tls.HAS_ITS_OWN)


def new_file(size=3 * LEAF):
    """(root as text, CAR)"""
    root, body, _ = car.file_car(os.urandom(size), LEAF)
    return root, body


def address_of(order):
    """(scheme, host, port) of the order's data URL."""
    scheme, host, port = re.match(r"(https?)://([^:/]+):(\d+)$", order["dataUrl"]).groups()
    return scheme, host, int(port)


def target_of(order):
    return f"/data/{order['root']}?requestId={order['requestId']}"


def post_on(connection, order, body):
    """The status of a delivery there."""
    connection.request(target_of(order), "POST", [("Content-Length", len(body))])
    connection.send(body)
    return connection.response().status


class DataPort(EdgeTest):
    """An edge of two workers with ports of their own, and an L2 that has what was added by content()."""

    def begin_edge(self, workers=2, **options):
        self.first = free_ports(workers)
        self.edge = Edge(self.world, workers=workers, patient=True,
                         worker_flags=["--data-listen", f"127.0.0.1:{self.first}"], **options)
        self.bodies = {}
        self.home = self.edge.fake("home", self.deliver, capacity=8)
        self.delivered = []  # (data URL's port, status)

    def deliver(self, l2, order):
        """To where the order says."""
        _, _, port = address_of(order)
        with Connection(port) as connection:
            self.delivered.append((port, post_on(connection, order, self.bodies[order["root"]])))

    def wait_delivered(self, count):
        wait_for(lambda: len(self.delivered) == count, f"{count} have their replies")

    def content(self):
        root, body = new_file()
        self.bodies[root] = body
        self.assertEqual(200, self.home.announce(add=[root]).status)
        return root

    def get(self, root):
        answer = self.edge.car(root, seconds=30)
        self.assertEqual((200, self.bodies[root]), (answer.status, answer.body))

    def counted(self, *names):
        self.edge.wait_attempts_over()
        metrics = self.edge.metrics()
        return [metrics[f"daphnis_{name}_total"] for name in names]

    def worker_of(self, port):
        return self.edge.workers[port - self.first]


class Plain(DataPort):
    def test_an_order_names_the_asking_workers_port_and_no_byte_goes_by_the_broker(self):
        self.begin_edge()
        # Clients land at workers by chance: both have asked after some of them.
        while len({port for port, _ in self.delivered}) < 2:
            self.get(self.content())
        self.edge.wait_attempts_over()
        wanted = len(self.home.orders)
        self.wait_delivered(wanted)
        self.assertEqual({200}, {status for _, status in self.delivered})
        self.assertLessEqual({port for port, _ in self.delivered}, {self.first, self.first + 1})
        self.assertEqual("127.0.0.1", address_of(self.home.orders[0])[1])
        self.assertEqual([wanted, 0, 0], self.counted(
            "direct_deliveries", "handoffs", "car_bytes_through_broker"))
        self.edge.settle()

    def test_a_connection_carries_one_delivery_after_the_other(self):
        self.begin_edge(workers=1)
        connection = Connection(self.first)
        self.world.on_close(connection.close)
        statuses = []
        self.home.answer = lambda l2, order: statuses.append(
            post_on(connection, order, self.bodies[order["root"]]))
        for _ in range(5):
            self.get(self.content())
        wait_for(lambda: len(statuses) == 5, "all have their replies")
        self.assertEqual({200}, set(statuses))

    def test_curl_delivers_there(self):
        self.begin_edge(workers=1)
        codes = []

        def curl(l2, order):
            with tempfile.NamedTemporaryFile() as file:
                pathlib.Path(file.name).write_bytes(self.bodies[order["root"]])
                codes.append(subprocess.run(
                    ["curl", "-sS", "-T", file.name, "-o", "/dev/null", "-w", "%{http_code}",
                     order["dataUrl"] + target_of(order)],
                    stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout)
        self.home.answer = curl
        self.get(self.content())
        wait_for(lambda: codes, "curl is done")
        self.assertEqual(["200"], codes)
        self.assertEqual([1, 0], self.counted("direct_deliveries", "handoffs"))

    def test_what_comes_to_another_worker_goes_by_the_broker_to_its_own(self):
        self.begin_edge()
        results = []

        def astray(l2, order):
            _, _, port = address_of(order)
            other = 2 * self.first + 1 - port
            with Connection(other) as connection:
                results.append(post_on(connection, order, self.bodies[order["root"]]))
                # The connection is the broker's now, for all that follows.
                connection.request("/data/nothing", "POST", [("Content-Length", 0)])
                results.append(connection.response().status)
        self.home.answer = astray
        self.get(self.content())
        wait_for(lambda: len(results) == 2, "the L2 has both replies")
        self.assertEqual([200, 400], results)
        self.assertEqual([0, 1], self.counted("direct_deliveries", "handoffs"))
        # An id of nobody's is refused where it comes.
        with Connection(self.first) as connection:
            order = dict(self.home.orders[0], requestId="0" * 32)
            self.assertEqual(404, post_on(connection, order, b"x" * 100))
        self.edge.settle()

    def test_strangers_there_harm_nobody(self):
        self.begin_edge(workers=1)
        begun = (b"", b"POST /da", b"\x16\x03\x01\x02\x00", b"GET / HTTP/1.1\r\n")
        silent = [Connection(self.first) for _ in range(200)]
        for number, connection in enumerate(silent):
            self.world.on_close(connection.close)
            connection.send(begun[number % len(begun)])
        self.get(self.content())
        with Connection(self.first) as connection:
            connection.request("/register/thief?v=2")
            self.assertEqual(404, connection.response().status)
        with Connection(self.first) as connection:
            connection.send(b"\xff" * BEHIND)
            self.assertEqual(400, connection.response().status)
        self.get(self.content())
        self.wait_delivered(2)
        self.assertEqual([(self.first, 200)] * 2, self.delivered)


class Reload(DataPort):
    def test_the_port_passes_to_the_successor_once_nobody_is_to_deliver_to_the_old_worker(self):
        self.begin_edge(workers=1)
        may_deliver = threading.Event()

        def late(l2, order):
            may_deliver.wait(30)
            self.deliver(l2, order)
        self.home.answer = late
        root, old = self.content(), self.edge.workers[0]
        waiting = threading.Thread(target=self.get, args=[root])
        waiting.start()
        self.home.wait_orders(1)
        self.edge.start_worker(0)

        def opened():  # Both write to one log.
            return old.text().count("event=data_port_open")
        wait_for(lambda: "event=data_port_awaited" in old.text(), "it waits")
        old.signal(signal.SIGTERM)
        wait_for(lambda: "event=draining" in old.text(), "the old worker leaves")
        # What comes to the successor meanwhile has no port to name.
        self.home.answer = lambda l2, order: l2.post(order, self.bodies[order["root"]])
        self.get(self.content())
        self.assertNotIn("dataUrl", self.home.orders[1])
        self.assertEqual(1, opened())
        may_deliver.set()
        waiting.join(30)
        self.wait_delivered(1)
        self.assertEqual([(self.first, 200)], self.delivered)
        wait_for(lambda: opened() == 2, "it has the port", 20)
        wait_for(lambda: not old.running(), "the old worker is gone", 20)
        self.home.answer = self.deliver
        self.get(self.content())
        self.wait_delivered(2)
        self.assertEqual([(self.first, 200)] * 2, self.delivered)
        self.assertEqual([2, 1], self.counted("direct_deliveries", "handoffs"))


class ReferenceL2(EdgeTest):
    def begin_edge(self, host="127.0.0.1", data_host="127.0.0.1"):
        self.first, l2s = free_ports(1), free_port()
        self.edge = Edge(self.world, workers=1, patient=True,
                         broker_flags=["--l2-listen", f"{host}:{l2s}"],
                         worker_flags=["--data-listen", f"{data_host}:{self.first}"])
        self.cars = [new_file() for _ in range(3)]
        store = self.world.subfolder("store")
        for number, (_, body) in enumerate(self.cars):
            (store / f"{number}.car").write_bytes(body)
        self.home = self.world.start("home", [
            binary("daphnis-l2"), "serve", "--id", "home", "--store", store, "--l1",
            f"http://{host}:{l2s}", "--data-url-ms", "10000"])
        wait_for(lambda: self.edge.l2s().get("home", {}).get("holdings") == 3,
                 "it has told what it has", 20)

    def fetch_all(self):
        for root, body in self.cars:
            answer = self.edge.car(root, seconds=30)
            self.assertEqual((200, body), (answer.status, answer.body))
        self.edge.wait_attempts_over()
        return self.edge.metrics()["daphnis_direct_deliveries_total"]

    def uploads(self):
        def lines():
            return [line for line in self.home.text().splitlines() if "event=upload " in line]
        wait_for(lambda: len(lines()) == 3, "it has told of its uploads", 20)
        return lines()

    def test_it_delivers_to_the_port(self):
        self.begin_edge()
        self.assertEqual(3, self.fetch_all())
        for line in self.uploads():
            self.assertIn(f" to=127.0.0.1:{self.first}", line)
            self.assertIn("status=200", line)

    def test_where_the_port_cannot_be_reached_it_delivers_to_the_broker_and_says_why_once(self):
        self.begin_edge(host="127.0.0.2")
        self.assertEqual(0, self.fetch_all())
        for line in self.uploads():
            self.assertNotIn(" to=", line)
            self.assertIn("status=200", line)
        (said,) = [line for line in self.home.text().splitlines() if "data_url_unreachable" in line]
        self.assertIn(f"data_url=http://127.0.0.2:{self.first}", said)
        self.assertIn(f"port {self.first} can be reached", said)


class OverTls(EdgeTest):
    def test_over_tls_it_is_a_port_of_its_own_where_plain_text_is_not_taken(self):
        ca = Ca(self.world.subfolder("ca"))
        certificate = ca.issue("edge", ["localhost", "IP:127.0.0.1"])
        first, port = free_ports(1), free_port()
        edge = Edge(self.world, workers=1, patient=True,
                    broker_flags=[*certificate.flags, "--l2-tls-listen", f"127.0.0.1:{port}"],
                    worker_flags=[*certificate.flags, "--data-tls-listen", f"127.0.0.1:{first}"])
        root, body = new_file()
        store = self.world.subfolder("store")
        (store / "0.car").write_bytes(body)
        self.world.start("home", [
            binary("daphnis-l2"), "serve", "--id", "home", "--store", store, "--l1",
            f"https://localhost:{port}", "--ca", ca.cert, "--data-url-ms", "10000"])
        wait_for(lambda: edge.l2s().get("home", {}).get("holdings") == 1, "it is there", 20)
        answer = edge.car(root, seconds=30)
        self.assertEqual((200, body), (answer.status, answer.body))
        edge.wait_attempts_over()
        metrics = edge.metrics()
        self.assertEqual([1, 0, 0], [metrics[f"daphnis_{name}"] for name in (
            "direct_deliveries_total", "handoffs_total", "l2_relays")])
        with Connection(first) as connection:
            connection.send(b"POST /data/x HTTP/1.1\r\nHost: w\r\n\r\n")
            self.assertEqual(b"", connection.read())


class Settings(EdgeTest):
    def test_a_port_that_a_worker_cannot_have_is_a_wrong_setting(self):
        done = subprocess.run(
            [binary("daphnis-worker"), "--socket", self.world.folder / "s.sock", "--index", "8",
             "--data-listen", "127.0.0.1:65530", "--check-config"], text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(2, done.returncode)
        self.assertIn("there is no port 65530 + 8", done.stdout)
