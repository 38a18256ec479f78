"""Direct deliveries: an L2 that speaks TLS sends its CAR to the worker that its order names, and the
broker passes its connection on by the ClientHello alone. The L2s are curl and ssl of Python."""

import concurrent.futures
import json
import os
import re
import socket
import ssl
import subprocess

from harness import Edge, EdgeTest, binary, car, free_port
from harness.certificates import Ca

NAME = "data.test"
SECONDS = 15.0


class TlsL2:
    """An L2 that is registered over TLS."""

    def __init__(self, port, ca, l2_id):
        self.port = port
        self.context = ssl.create_default_context(cafile=ca.cert)
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


class Direct(EdgeTest):
    @classmethod
    def begin(cls, world):
        cls.ca = Ca(world.subfolder("ca"))
        cls.port = free_port()
        flags = cls.ca.issue("edge", ["localhost", "IP:127.0.0.1", f"*.{NAME}"]).flags
        cls.edge = Edge(world, workers=1, worker_flags=flags, patient=True, broker_flags=[
            *flags, "--l2-tls-listen", f"127.0.0.1:{cls.port}", "--l2-data-name", NAME,
            "--first-byte-last-ms", "15000"])
        cls.pool = concurrent.futures.ThreadPoolExecutor(8)

    @classmethod
    def tearDownClass(cls):
        cls.pool.shutdown()
        super().tearDownClass()

    def setUp(self):
        super().setUp()
        self.l2 = TlsL2(self.port, self.ca, "home")
        self.world.on_close(self.l2.close)
        self.edge.wait_l2("home")
        self.before = self.edge.metrics()

    def tearDown(self):
        self.l2.close()
        self.edge.wait_l2_gone("home")
        super().tearDown()

    def ask(self):
        """A client asks for new content. Returns its answer to come, the order, and the CAR."""
        root, content, _ = car.file_car(os.urandom(100_000))
        answer = self.pool.submit(self.edge.car, root, seconds=30.0)
        return answer, self.l2.order(), content

    def counted(self, name):
        name = f"daphnis_{name}_total"
        return self.edge.metrics()[name] - self.before[name]

    def deliver(self, connection):
        """A client asks, and gets what comes on this connection."""
        answer, order, content = self.ask()
        connection.sendall(post(order, content))
        self.assertEqual(status(connection), 200)
        self.assertEqual(answer.result(30).body, content)

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
        self.assertEqual(self.counted("direct_deliveries"), 1)
        self.assertEqual(self.counted("direct_sockets"), 1)
        self.assertEqual(self.counted("handoffs"), 0)
        self.assertEqual(self.counted("car_bytes_through_broker"), 0)
        self.edge.settle()

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
