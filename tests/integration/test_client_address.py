"""Who is asking, behind a real nginx and a real HAProxy: their configurations are those that
docs/operations.md shows, but for ports and the frame that makes a whole file of them."""

import os
import re
import shutil
import signal
import struct
import threading
import unittest

from harness import (ROOT, Connection, Edge, EdgeTest, FakeL2, binary, car, free_port, logfmt,
                     wait_for)
from harness.nginx import NGINX, STREAM_MODULE, start_nginx, start_nginx_stream

PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
HAPROXY = shutil.which("haproxy", path=PATH)
# Each is an address of this machine, so that a client can connect from it. The proxies connect from
# PROXY, which alone is trusted.
PROXY, CLIENT, ANOTHER = "127.0.0.1", "127.0.0.9", "127.0.0.10"
PROBE = "/ipfs/bafkqaaa?format=raw"


def configuration(first_word):
    """The block of docs/operations.md with a line that begins so."""
    page = (ROOT / "docs" / "operations.md").read_text()
    found = [block for block in re.findall(r"(?:^    .*\n|^\n(?=    ))+", page, re.MULTILINE)
             if re.search(rf"^    {first_word}\b", block, re.MULTILINE)]
    if len(found) != 1:
        raise AssertionError(f"docs/operations.md has {len(found)} blocks with {first_word}")
    return found[0]


def version_2(address):
    """A PROXY header of version 2 with a TLV behind the addresses."""
    numbers = bytes(int(part) for part in address.split("."))
    body = numbers + bytes([127, 0, 0, 1]) + struct.pack(">HH", 4711, 80) + b"\x04\x00\x01x"
    return b"\r\n\r\n\0\r\nQUIT\n" + struct.pack(">BBH", 0x21, 0x11, len(body)) + body


class ClientAddress(EdgeTest):
    """One worker and a broker that trust PROXY, with a listener for PROXY headers each."""

    @classmethod
    def begin(cls, world):
        cls.proxied, cls.l2_proxied = free_port(), free_port()
        cls.edge = Edge(
            world, workers=1, patient=True,
            broker_flags=["--trust-proxy", PROXY, "--l2-proxy-listen", f"127.0.0.1:{cls.l2_proxied}",
                          "--l2-open-to-all"],
            worker_flags=["--trust-proxy", PROXY, "--client-address-header", "X-Forwarded-For",
                          "--proxy-listen", f"127.0.0.1:{cls.proxied}"])
        wait_for(lambda: Edge.listens(cls.proxied), "the worker listens for proxies")

    def ask(self, port, request_id, source=CLIENT, before=b"", fields=""):
        """Asks from that address, with these bytes before the request; returns the response."""
        with Connection(port, source=source) as client:
            client.send(before + f"GET {PROBE} HTTP/1.1\r\nHost: edge\r\nX-Request-Id: {request_id}"
                                 f"\r\n{fields}\r\n".encode())
            return client.response()

    def client_of(self, request_id):
        """The client that the access log names for that request."""
        def found():
            for line in self.edge.workers[0].text().splitlines():
                fields = logfmt(line)
                if fields.get("event") == "access" and fields.get("request_id") == request_id:
                    return fields["client"]
            return None
        return wait_for(found, f"the access line of {request_id}")

    def assert_seen(self, client, port, request_id, **how):
        self.assertEqual(200, self.ask(port, request_id, **how).status)
        self.assertEqual(client, self.client_of(request_id))

    def assert_refused(self, port, **how):
        before = self.edge.workers[0].text().count("event=access")
        try:
            self.assertFalse(self.ask(port, "refused", **how).status)
        except ConnectionError:
            pass  # It was closed before all was sent.
        self.assertEqual(before, self.edge.workers[0].text().count("event=access"))

    def page(self, first_word, puts):
        """That block of the page, with the right hand sides of `puts` for what it says."""
        page = configuration(first_word)
        for old, new in puts.items():
            self.assertIn(old, page)
            page = page.replace(old, new)
        return page

    def start_nginx(self):
        port = free_port()
        start_nginx(self.world, self.page("upstream", {
            "127.0.0.1:8080": f"127.0.0.1:{self.edge.in_clear(self.edge.client_port)}",
            "listen 80;": f"listen 127.0.0.1:{port};"}), port)
        return port

    def start_nginx_stream(self):
        clients, l2s = free_port(), free_port()
        start_nginx_stream(self.world, self.page("stream", {
            "127.0.0.1:8082": f"127.0.0.1:{self.proxied}",
            "127.0.0.1:8092": f"127.0.0.1:{self.l2_proxied}",
            "listen 8090;": f"listen 127.0.0.1:{l2s};",
            "listen 80;": f"listen 127.0.0.1:{clients};"}), [clients, l2s])
        return clients, l2s

    def start_haproxy(self, version):
        clients, l2s = free_port(), free_port()
        page = self.page("listen clients", {
            "127.0.0.1:8082": f"127.0.0.1:{self.proxied}",
            "127.0.0.1:8092": f"127.0.0.1:{self.l2_proxied}",
            "bind :8090": f"bind 127.0.0.1:{l2s}",
            "bind :80\n": f"bind 127.0.0.1:{clients}\n"})
        if version == 1:
            page = page.replace("send-proxy-v2", "send-proxy")
        path = self.world.folder / "haproxy.cfg"
        path.write_text("".join(line[4:] for line in page.splitlines(keepends=True)))
        process = self.world.start("haproxy", [HAPROXY, "-db", "-f", path])
        wait_for(lambda: (Edge.listens(clients) and Edge.listens(l2s)) or not process.running(),
                 "HAProxy listens")
        return clients, l2s

    @unittest.skipUnless(NGINX, "there is no nginx here")
    def test_nginx_says_for_whom_it_asks(self):
        port = self.start_nginx()
        self.assert_seen(CLIENT, port, "nginx-1")
        self.assert_seen(ANOTHER, port, "nginx-2", source=ANOTHER)
        self.assert_seen(CLIENT, port, "nginx-3", fields="X-Forwarded-For: 203.0.113.9\r\n")
        self.assert_seen(CLIENT, port, "nginx-4", fields="Forwarded: for=203.0.113.9\r\n")

    @unittest.skipUnless(HAPROXY, "there is no HAProxy here")
    def test_haproxy_says_who_has_connected_to_it(self):
        for version in (1, 2):
            with self.subTest(version=version):
                clients, l2s = self.start_haproxy(version)
                self.assert_seen(CLIENT, clients, f"haproxy-{version}")
                self.assert_seen(ANOTHER, clients, f"haproxy-{version}-another", source=ANOTHER)
                self.assert_l2_seen(l2s, f"home-{version}")

    @unittest.skipUnless(NGINX and STREAM_MODULE.exists(), "nginx has no stream module here")
    def test_nginx_says_who_has_connected_to_it(self):
        clients, l2s = self.start_nginx_stream()
        self.assert_seen(CLIENT, clients, "stream-1")
        self.assert_seen(ANOTHER, clients, "stream-2", source=ANOTHER)
        self.assert_seen(CLIENT, clients, "stream-3", fields="X-Forwarded-For: 203.0.113.9\r\n")
        self.assert_l2_seen(l2s, "home-nginx")

    def assert_l2_seen(self, port, l2_id):
        """An L2 behind a proxy delivers, twice on one connection, and the broker knows its own
        address all the while."""
        home = FakeL2(port, l2_id, source=CLIENT)
        self.world.on_close(home.close)
        self.edge.wait_l2(l2_id)
        self.assertEqual(CLIENT, self.edge.l2s()[l2_id]["address"])
        self.assertEqual(CLIENT, self.edge.log_line(
            [self.edge.broker], f"l2={l2_id} ", lambda row: row["event"] == "l2_registered")["address"])
        first, pairs = car.unixfs_file(car.numbered(f"one {l2_id}", 3000), leaf=1000)
        second, more = car.unixfs_file(car.numbered(f"two {l2_id}", 3000), leaf=1000)
        known = {car.text(first): (first, pairs), car.text(second): (second, more)}
        uploads = []

        def answer(l2, order):
            root, blocks = known[order["root"]]
            body = car.car(root, blocks)
            if not uploads:
                uploads.append(Connection(port, source=CLIENT))
            uploads[0].send(f"POST {l2.target(order)} HTTP/1.1\r\nHost: x\r\n"
                            f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
            return uploads[0].response()
        home.answer = answer
        home.announce(add=list(known))
        for root, blocks in known.values():
            self.assert_car(self.edge.car(car.text(root)), blocks)
        for upload in uploads:
            upload.close()
        home.close()
        self.edge.wait_l2_gone(l2_id)

    def test_a_stranger_who_says_that_it_is_another_is_ignored(self):
        self.assert_seen(CLIENT, self.edge.client_port, "stranger-1",
                         fields="X-Forwarded-For: 203.0.113.9\r\n")
        self.assert_seen("203.0.113.9", self.edge.client_port, "trusted-1", source=PROXY,
                         fields="X-Forwarded-For: 192.0.2.66, 203.0.113.9\r\n")
        self.assertEqual(400, self.ask(self.edge.client_port, "stranger-2",
                                       before=b"PROXY TCP4 203.0.113.9 127.0.0.1 1 80\r\n").status)

    def test_a_stranger_at_a_proxys_listener_is_refused(self):
        refused = self.edge.metrics()["daphnis_client_proxies_refused_total"]
        for before in (b"", b"PROXY TCP4 203.0.113.9 127.0.0.1 1 80\r\n", version_2("203.0.113.9")):
            self.assert_refused(self.proxied, before=before)
        self.assert_refused(self.proxied, source=PROXY)
        with self.assertRaises((ConnectionError, EOFError, IndexError)):
            FakeL2(self.l2_proxied, "stranger", source=CLIENT)
        wait_for(lambda: self.edge.metrics()["daphnis_client_proxies_refused_total"] == refused + 4,
                 "the refusals are counted")
        self.assertLessEqual(1, self.edge.metrics()["daphnis_l2_proxies_refused_total"])

    def test_a_header_may_come_in_any_pieces(self):
        for number, header in enumerate([b"PROXY TCP6 2001:db8::9 ::1 4711 80\r\n",
                                         version_2("203.0.113.9"), b"PROXY UNKNOWN\r\n"]):
            with Connection(self.proxied, source=PROXY) as client:
                client.send_slowly(header)
                client.send(f"GET {PROBE} HTTP/1.1\r\nHost: edge\r\n"
                            f"X-Request-Id: piece-{number}\r\n\r\n")
                self.assertEqual(200, client.response().status)
            self.assertEqual(["2001:db8::9", "203.0.113.9", PROXY][number],
                             self.client_of(f"piece-{number}"))

    def test_a_worker_that_leaves_serves_the_proxies_that_it_has(self):
        proxied = free_port()
        edge = Edge(self.world, workers=1, patient=True,
                    worker_flags=["--trust-proxy", PROXY, "--proxy-listen", f"127.0.0.1:{proxied}"])
        wait_for(lambda: Edge.listens(proxied), "the worker listens for proxies")
        root, body, pairs = car.file_car(car.numbered("last", 3000))
        may_answer = threading.Event()

        def answer(l2, order):
            may_answer.wait(20)
            return l2.post(order, body)
        fake = edge.fake("patient", answer)
        fake.announce(add=[root])
        with Connection(proxied, source=PROXY) as client:
            client.send(f"PROXY TCP4 203.0.113.9 127.0.0.1 4711 80\r\nGET /ipfs/{root}?format=car "
                        "HTTP/1.1\r\nHost: edge\r\n\r\n")
            wait_for(lambda: fake.orders, "the request waits for its L2")
            edge.workers[0].signal(signal.SIGTERM)
            wait_for(lambda: "event=draining" in edge.workers[0].text(), "the worker leaves")
            may_answer.set()
            self.assert_car(client.response(), pairs)
        self.assertEqual(0, edge.workers[0].wait(30))
        wait_for(lambda: not Edge.listens(proxied), "nobody is kept waiting where no worker is left")

    def test_the_proxies_listener_needs_somebody_to_trust(self):
        for program, flags in (("daphnis-worker", ["--proxy-listen", "127.0.0.1:1"]),
                               ("daphnis-worker", ["--client-address-header", "Forwarded"]),
                               ("daphnis-broker", ["--l2-proxy-listen", "127.0.0.1:1"])):
            self.assert_bad_settings("--trust-proxy", program, *flags)

    def test_the_proxies_listener_is_no_other_listener(self):
        self.assert_bad_settings("it is that of --listen", "daphnis-worker", "--listen", ":1",
                                 "--proxy-listen", "[::]:1", "--trust-proxy", PROXY)

    def assert_bad_settings(self, why, program, *flags):
        process = self.world.start("settings", [binary(program), "--check-config", *flags])
        self.assertEqual(2, process.wait(10))
        self.assertIn(why, process.text())


class Bounds(EdgeTest):
    """A worker with low bounds per address."""

    def edge_with(self, *flags):
        return Edge(self.world, workers=1, patient=True,
                    worker_flags=["--trust-proxy", PROXY, "--client-address-header",
                                  "X-Forwarded-For", *flags])

    def ask_for(self, connection, client):
        connection.send(f"GET {PROBE} HTTP/1.1\r\nHost: edge\r\nX-Forwarded-For: {client}\r\n\r\n")
        return connection.response()

    def test_a_client_that_asks_too_much_is_told_while_another_is_served(self):
        edge = self.edge_with("--requests-per-address", 1)
        root, pairs = car.unixfs_file(car.numbered("slow", 3000), leaf=1000)
        fake = edge.fake("slow")  # It is silent, so that the request waits.
        fake.announce(add=[car.text(root)])
        with Connection(edge.client_port, source=PROXY) as waiting, \
                Connection(edge.client_port, source=PROXY) as proxy:
            waiting.send(f"GET /ipfs/{car.text(root)}?format=car HTTP/1.1\r\nHost: edge\r\n"
                         "X-Forwarded-For: 203.0.113.9\r\n\r\n")
            wait_for(lambda: fake.orders, "the request waits for an L2")
            refused = self.ask_for(proxy, "203.0.113.9")
            self.assertEqual(429, refused.status)
            self.assertEqual("1", refused.headers["retry-after"])
            self.assertIn(b"too_many_requests", refused.body)
            self.assertEqual(200, self.ask_for(proxy, "203.0.113.10").status)
        wait_for(lambda: edge.metrics()[
            'daphnis_client_bounds_reached_total{bound="requests"}'] == 1, "it is counted")

    def test_a_client_that_asks_too_often_is_told_while_another_is_served(self):
        edge = self.edge_with("--request-rate-per-address", 1)
        with Connection(edge.client_port, source=PROXY) as proxy:
            statuses = [self.ask_for(proxy, "2001:db8::1").status for _ in range(20)]
            self.assertEqual(200, statuses[0])
            self.assertIn(429, statuses)
            self.assertEqual(200, self.ask_for(proxy, "2001:db8:0:1::1").status)

    def test_a_client_that_connects_too_often_is_told_while_another_is_served(self):
        edge = self.edge_with("--clients-per-address", 2)
        with Connection(edge.client_port, source=CLIENT), \
                Connection(edge.client_port, source=CLIENT), \
                Connection(edge.client_port, source=CLIENT) as third, \
                Connection(edge.client_port, source=ANOTHER) as other:
            self.assertEqual(429, third.response().status)
            other.send(f"GET {PROBE} HTTP/1.1\r\nHost: edge\r\n\r\n")
            self.assertEqual(200, other.response().status)

    def test_without_a_named_proxy_local_clients_have_no_bounds_and_one_warning(self):
        edge = Edge(self.world, workers=1, worker_flags=["--clients-per-address", 1,
                                                         "--request-rate-per-address", 1])
        for _ in range(5):
            with Connection(edge.client_port) as client:
                client.send(f"GET {PROBE} HTTP/1.1\r\nHost: edge\r\n\r\n")
                self.assertEqual(200, client.response().status)
        wait_for(lambda: "event=clients_unbounded" in edge.workers[0].text(), "the warning")
        self.assertEqual(1, edge.workers[0].text().count("event=clients_unbounded"))


if __name__ == "__main__":
    unittest.main()
