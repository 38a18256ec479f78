"""Direct deliveries: an L2 that speaks TLS sends its CAR to the worker that its order names, and the
broker passes its connection on by the ClientHello alone. The L2s are curl and ssl of Python."""

import concurrent.futures
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import time

from harness import ASAN, Edge, EdgeTest, binary, car, free_port, over_tls, wait_for
from harness.certificates import Ca

NAME = "data.test"
SECONDS = 15.0


def setUpModule():
    over_tls.skip_module(over_tls.HAS_ITS_OWN)


class TlsL2:
    """An L2 that is registered over TLS."""

    def __init__(self, port, ca, l2_id, certificate=None):
        self.port = port
        self.context = ssl.create_default_context(cafile=ca.cert)
        if certificate:
            self.context.load_cert_chain(certificate.cert, certificate.key)
        self.line = self.connect("localhost")
        self.line.sendall(f"GET /register/{l2_id}?v=2 HTTP/1.1\r\nHost: edge\r\n\r\n".encode())
        self.lines = self.line.makefile("rb")

    def raw(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS)

    def connect(self, name):
        return self.context.wrap_socket(self.raw(), server_hostname=name)

    def connect_in_pieces(self, name):
        """The same by a ClientHello in pieces of one byte. Returns how to send and to receive."""
        raw = self.raw()
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = self.context.wrap_bio(incoming, outgoing, server_hostname=name)

        def carry_out(call, *arguments):
            while True:
                try:
                    done, result = True, call(*arguments)
                except ssl.SSLWantReadError:
                    done = False
                sent = outgoing.read()
                pieces = [sent] if session.version() else [bytes([byte]) for byte in sent]
                for piece in pieces:
                    raw.sendall(piece)
                if done:
                    return result
                incoming.write(raw.recv(65536))
        carry_out(session.do_handshake)
        return (lambda data: carry_out(session.write, data),
                lambda: carry_out(session.read, 65536))

    def order(self):
        """The next order line."""
        for line in self.lines:
            if b'"requestId"' in line:
                return json.loads(line[line.index(b"{"):])
        raise AssertionError("the registration ended")

    def close(self):
        self.lines.close()
        self.line.close()


def post(order, body, fields=""):
    return (f"POST /data/{order['root']}?requestId={order['requestId']} HTTP/1.1\r\nHost: w\r\n"
            f"{fields}Content-Length: {len(body)}\r\n\r\n").encode() + body


def host_of(order):
    return re.match(r"https://([^:/]+):\d+$", order["dataUrl"]).group(1)


def status(connection):
    """The status of the next answer; its whole bytes are read."""
    got = b""
    while b"\r\n\r\n" not in got:
        if not (more := connection.recv(65536)):
            raise AssertionError(f"the connection ended: {got}")
        got += more
    head, rest = got.split(b"\r\n\r\n", 1)
    length = int(re.search(rb"Content-Length: (\d+)", head).group(1))
    while len(rest) < length:
        rest += connection.recv(65536)
    return int(head.split()[1])


def is_closed(connection):
    """True once the peer has closed it."""
    try:
        return connection.recv(100) == b""
    except ConnectionError:
        return True


def cpu_seconds(process):
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def edge_with_a_name(test, world):
    """Begins an edge whose workers take direct deliveries. `test` gets it, its port and its CA."""
    test.ca = Ca(world.subfolder("ca"))
    test.port = free_port()
    flags = test.ca.issue("edge", ["localhost", "IP:127.0.0.1", f"*.{NAME}"]).flags
    test.edge = Edge(world, workers=1, worker_flags=flags, patient=True, broker_flags=[
        *flags, "--l2-tls-listen", f"127.0.0.1:{test.port}", "--l2-data-name", NAME,
        "--first-byte-last-ms", "15000"])


class DirectTest(EdgeTest):
    """A test with an L2 over TLS, `self.l2`."""

    def setUp(self):
        super().setUp()
        if not hasattr(self, "edge"):
            edge_with_a_name(self, self.world)
        self.pool = concurrent.futures.ThreadPoolExecutor(1)
        self.l2 = TlsL2(self.port, self.ca, "home")
        self.world.on_close(self.l2.close)
        self.edge.wait_l2("home")
        self.before = self.edge.metrics()

    def tearDown(self):
        self.l2.close()
        self.edge.wait_l2_gone("home")
        self.pool.shutdown()
        super().tearDown()

    def ask(self):
        """A client asks for new content. Returns its answer to come, the order, and the CAR."""
        root, content, _ = car.file_car(os.urandom(100_000))
        answer = self.pool.submit(self.edge.car, root, seconds=30.0)
        return answer, self.l2.order(), content

    def assert_taken(self, connection, order, content, answer):
        """What comes on this connection is taken, and the client gets it."""
        connection.sendall(post(order, content))
        self.assertEqual(200, status(connection))
        self.assertEqual(answer.result(30).body, content)

    def counted(self, name):
        name = f"daphnis_{name}_total"
        return self.edge.metrics()[name] - self.before[name]


class Direct(DirectTest):
    @classmethod
    def begin(cls, world):
        edge_with_a_name(cls, world)

    def test_curl_delivers_to_the_worker_itself(self):
        answer, order, content = self.ask()
        host = host_of(order)
        self.assertRegex(host, rf"^w0-[0-9a-f]{{8}}\.{re.escape(NAME)}$")
        file = self.world.folder / "file.car"
        file.write_bytes(content)
        done = subprocess.run(
            ["curl", "-sS", "--max-time", "30", "--cacert", self.ca.cert, "--resolve",
             f"{host}:{self.port}:127.0.0.1", "-o", "/dev/null", "-w", "%{http_code}", "-T", file,
             f"{order['dataUrl']}/data/{order['root']}?requestId={order['requestId']}"],
            capture_output=True, timeout=60)
        self.assertEqual(done.stdout, b"200", done.stderr)
        self.assertEqual(answer.result(30).body, content)
        self.edge.wait_attempts_over()
        self.assertEqual(self.counted("direct_deliveries"), 1)
        self.assertEqual(self.counted("direct_sockets"), 1)
        self.assertEqual(self.counted("handoffs"), 0)
        self.assertEqual(self.counted("car_bytes_through_broker"), 0)

    def test_a_client_hello_may_come_byte_by_byte(self):
        answer, order, content = self.ask()
        send, receive = self.l2.connect_in_pieces(host_of(order))
        send(post(order, content))
        self.assertIn(b"200 OK", receive())
        self.assertEqual(answer.result(30).body, content)
        self.assertEqual(self.counted("direct_sockets"), 1)

    def test_a_worker_answers_by_what_it_was_told(self):
        answer, order, content = self.ask()
        with self.l2.connect(host_of(order)) as connection:
            connection.sendall(post({**order, "requestId": "0" * 32}, b""))
            self.assertEqual(status(connection), 404)
        with self.l2.connect(host_of(order)) as connection:
            connection.sendall(post(order, b"", "Daphnis-Not-Found: root\r\n"))
            self.assertEqual(status(connection), 200)
            self.assertEqual(answer.result(30).status, 404)
            connection.sendall(post(order, content))
            self.assertEqual(status(connection), 409)
        self.edge.settle()


    def test_one_connection_takes_one_delivery_after_the_other(self):
        answer, order, content = self.ask()
        with self.l2.connect(host_of(order)) as connection:
            self.assert_taken(connection, order, content, answer)
            for _ in range(2):
                answer, order, content = self.ask()
                self.assert_taken(connection, order, content, answer)
        self.edge.wait_attempts_over()
        self.assertEqual(self.counted("direct_sockets"), 1)
        self.assertEqual(self.counted("direct_deliveries"), 3)

    def test_wrong_bytes_are_found_by_the_worker(self):
        answer, order, content = self.ask()
        with self.l2.connect(host_of(order)) as connection:
            connection.sendall(post(order, content[:-1] + bytes([content[-1] ^ 1])))
            self.assertEqual(status(connection), 422)
        self.assertNotEqual(answer.result(30).status, 200)
        self.edge.settle()
        self.assertEqual(self.edge.admin("/l2s/home/readmit", method="POST").status, 200)

    def test_the_common_port_takes_it_too_and_serves_names_of_no_worker(self):
        answer, order, content = self.ask()
        for name in ("localhost", f"w7-00000000.{NAME}"):
            with self.l2.connect(name) as connection:
                connection.sendall(post({**order, "requestId": "0" * 32}, b""))
                self.assertEqual(status(connection), 404)
        with self.l2.connect("localhost") as connection:
            self.assert_taken(connection, order, content, answer)
        self.assertEqual(self.counted("direct_deliveries"), 0)
        self.assertEqual(self.counted("direct_sockets"), 0)

    def test_a_thousand_half_hellos_and_garbage_hold_nobody_up(self):
        answer, order, content = self.ask()
        halves = [self.l2.raw() for _ in range(100 if ASAN else 1000)]
        for half in halves:
            half.sendall(b"\x16\x03\x01\x02\x00\x01")
            self.world.on_close(half.close)
        none = self.l2.raw()
        for bad in (b"GET / HTTP/1.1\r\n\r\n", os.urandom(64).replace(b"\x16", b"\0")):
            with self.l2.raw() as garbage:
                garbage.sendall(bad)
                self.assertTrue(is_closed(garbage))
        with self.l2.raw() as ended:
            ended.sendall(b"\x16\x03\x01")
            ended.shutdown(socket.SHUT_WR)
            self.assertTrue(is_closed(ended))
        self.assertEqual(self.counted("l2_hellos_refused"), 3)
        busy = cpu_seconds(self.edge.broker)
        began = time.monotonic()
        with self.l2.connect(host_of(order)) as connection:
            self.assert_taken(connection, order, content, answer)
            while time.monotonic() - began < 1:
                answer, order, content = self.ask()
                self.assert_taken(connection, order, content, answer)
                time.sleep(0.1)
        # A spinning loop would take all of the time.
        self.assertLess(cpu_seconds(self.edge.broker) - busy, 0.5 * (time.monotonic() - began))
        for each in (*halves, none):
            each.close()
        wait_for(lambda: self.counted("l2_hellos_refused") == 4 + len(halves),
                 "those that gave up are gone", 20)


class Replaced(DirectTest):
    def test_the_name_of_a_worker_that_was_killed_is_nobodys(self):
        answer, order, content = self.ask()
        self.edge.workers[0].kill()
        self.assertFalse(answer.result(30).complete)
        self.edge.start_worker(0)
        self.edge.wait_ready()
        with self.l2.connect(host_of(order)) as connection:
            connection.sendall(post(order, content))
            self.assertEqual(status(connection), 410)
        before = order
        answer, order, content = self.ask()
        self.assertNotEqual(host_of(order), host_of(before))
        with self.l2.connect(host_of(order)) as connection:
            self.assert_taken(connection, order, content, answer)

    def test_a_worker_that_is_replaced_still_takes_what_it_waits_for(self):
        answer, order, content = self.ask()
        leaving = self.edge.workers[0]
        leaving.signal(signal.SIGTERM)
        wait_for(lambda: "draining" in leaving.text(), "the worker is leaving")
        self.edge.start_worker(1)
        wait_for(lambda: len(self.edge.workers_seen()) == 2, "another has come")
        with self.l2.connect(host_of(order)) as connection:
            self.assert_taken(connection, order, content, answer)
        leaving.wait(20)
        answer, order, content = self.ask()
        self.assertTrue(host_of(order).startswith("w1-"))
        with self.l2.connect(host_of(order)) as connection:
            self.assert_taken(connection, order, content, answer)


class Certified(EdgeTest):
    @classmethod
    def begin(cls, world):
        cls.ca = Ca(world.subfolder("ca"))
        cls.port, cls.https = free_port(), free_port()
        cls.certificate = cls.issue("old")
        cls.l2_ca = world.folder / "l2-ca.pem"
        cls.l2_ca.write_bytes(cls.ca.cert.read_bytes())
        flags = [*cls.certificate.flags, "--l2-client-ca", str(cls.l2_ca)]
        cls.edge = Edge(world, workers=1, patient=True, worker_flags=[
            *flags, "--tls-listen", f"127.0.0.1:{cls.https}"], broker_flags=[
            *flags, "--l2-auth", "mtls", "--l2-tls-listen", f"127.0.0.1:{cls.port}",
            "--l2-data-name", NAME, "--first-byte-last-ms", "15000"])

    @classmethod
    def issue(cls, name):
        return cls.ca.issue(name, ["localhost", "IP:127.0.0.1", f"*.{NAME}"])

    def setUp(self):
        super().setUp()
        self.l2 = TlsL2(self.port, self.ca, "home", self.ca.issue("home"))
        self.world.on_close(self.l2.close)
        self.edge.wait_l2("home")

    def tearDown(self):
        self.l2.close()
        self.edge.wait_l2_gone("home")
        super().tearDown()

    def test_a_worker_takes_of_an_l2_only_what_comes_with_its_certificate(self):
        edge, l2, ca, port = self.edge, self.l2, self.ca, self.port
        before = edge.metrics()["daphnis_direct_deliveries_total"]
        root, content, _ = car.file_car(os.urandom(100_000))
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            answer = pool.submit(edge.car, root, seconds=30.0)
            order = l2.order()
            other = TlsL2(port, ca, "other", ca.issue("other"))
            self.world.on_close(other.close)
            with other.connect(host_of(order)) as connection:
                connection.sendall(post(order, content))
                self.assertEqual(status(connection), 403)
            with l2.connect(host_of(order)) as connection:
                connection.sendall(post(order, content))
                self.assertEqual(status(connection), 200)
            self.assertEqual(answer.result(30).body, content)
        edge.wait_attempts_over()
        self.assertEqual(edge.metrics()["daphnis_direct_deliveries_total"], before + 1)
        # Without a certificate nobody gets so far.
        bare = ssl.create_default_context(cafile=ca.cert)
        with self.assertRaises((ssl.SSLError, OSError)):
            with bare.wrap_socket(l2.raw(), server_hostname=host_of(order)) as connection:
                connection.sendall(post(order, content))
                connection.recv(1)

    def shown(self, port, name):
        """The common name of the certificate that is shown there."""
        raw = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        with self.l2.context.wrap_socket(raw, server_hostname=name) as connection:
            ((_, common_name),), *_ = connection.getpeercert()["subject"]
            return common_name

    def reload(self, event):
        worker = self.edge.workers[0]
        before = worker.text().count(event)
        worker.signal(signal.SIGHUP)
        wait_for(lambda: worker.text().count(event) > before, "the worker has read its files anew")

    def test_certificates_are_replaced_for_clients_and_for_l2s_or_for_neither(self):
        root, content, _ = car.file_car(os.urandom(100_000))
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            answer = pool.submit(self.edge.car, root, seconds=30.0)
            order = self.l2.order()
            doors = (self.https, "localhost"), (self.port, host_of(order))
            self.assertEqual([self.shown(*door) for door in doors], ["old", "old"])
            new = self.issue("new")
            for source, target in ((new.cert, self.certificate.cert), (new.key, self.certificate.key)):
                target.write_bytes(source.read_bytes())
            self.l2_ca.write_text("junk")
            self.reload("certificates_not_reloaded")
            self.assertEqual([self.shown(*door) for door in doors], ["old", "old"])
            self.l2_ca.write_bytes(self.ca.cert.read_bytes())
            self.reload("certificates_reloaded")
            self.assertEqual([self.shown(*door) for door in doors], ["new", "new"])
            with self.l2.connect(host_of(order)) as connection:
                connection.sendall(post(order, content))
                self.assertEqual(status(connection), 200)
            self.assertEqual(answer.result(30).body, content)


class Settings(EdgeTest):
    def test_a_data_name_needs_the_port_for_tls_and_must_be_a_name(self):
        def said(*flags):
            done = subprocess.run([binary("daphnis-broker"), "--check-config", *flags],
                                  capture_output=True, timeout=30)
            return done.returncode, done.stderr.decode()
        code, error = said("--l2-data-name", NAME)
        self.assertEqual(code, 2)
        self.assertIn("l2-tls-listen", error)
        certificate = Ca(self.world.subfolder("ca")).issue("edge").flags
        tls = [*certificate, "--l2-tls-listen", "127.0.0.1:1"]
        for wrong in ("a name", "x" * 64 + ".test", ".".join(["abcdefg"] * 30)):
            code, error = said(*tls, "--l2-data-name", wrong)
            self.assertEqual(code, 2, wrong)
            self.assertIn("host name", error)
        self.assertEqual(said(*tls, "--l2-data-name", "Data.Test.")[0], 0)


if __name__ == "__main__":
    import unittest
    unittest.main()
