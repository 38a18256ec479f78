"""TLS towards clients: real curl and `openssl s_client` against the port for https."""

import os
import re
import select
import signal
import socket
import ssl
import subprocess
import threading

from harness import Connection, Edge, EdgeTest, binary, car, free_port, over_tls, wait_for
from harness.certificates import Ca, ticket_keys

PROBE = "/ipfs/bafkqaaa?format=raw"
SIZE = 300_000
HALF_A_HELLO = b"\x16\x03\x01\x02\x00\x01"


def setUpModule():
    over_tls.skip_module(over_tls.HAS_ITS_OWN)


class Door:
    """A port for https, and how to ask there."""

    def __init__(self, world):
        self.port = free_port()
        self.ca = Ca(world.subfolder("ca"))

    def flags(self, *certificates):
        return ["--tls-listen", f"127.0.0.1:{self.port}",
                *[flag for each in certificates for flag in each.flags]]

    def context(self, **options):
        context = ssl.create_default_context(cafile=self.ca.cert)
        for name, value in options.items():
            setattr(context, name, value)
        return context

    def connect(self, name="localhost", seconds=15.0, **options):
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=seconds)
        return self.context(**options).wrap_socket(raw, server_hostname=name)

    def curl(self, path, *flags):
        done = subprocess.run(
            ["curl", "-sS", "--max-time", "30", "--cacert", self.ca.cert, *flags,
             f"https://localhost:{self.port}{path}"], capture_output=True, timeout=60)
        return done.returncode, done.stdout, done.stderr.decode()

    def openssl(self, *flags, text=""):
        """What `openssl s_client` says."""
        done = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{self.port}", "-CAfile", self.ca.cert,
             *map(str, flags)], input=text.encode(), capture_output=True, timeout=60)
        return done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")


class Tls(EdgeTest):
    """Two workers with certificates of two names, one of them of both kinds of keys."""

    @classmethod
    def begin(cls, world):
        cls.door = Door(world)
        ca = cls.door.ca
        cls.keys = ticket_keys(world.subfolder("tickets") / "keys")
        cls.first = ca.issue("first")
        cls.flags = [*cls.door.flags(cls.first, ca.issue("second", ["second.test"]),
                                     ca.issue("second-rsa", ["second.test"], rsa=True)),
                     "--tls-ticket-keys", str(cls.keys)]
        cls.edge = Edge(world, workers=2, patient=True, worker_flags=cls.flags,
                        broker_flags=["--cache-dir", world.subfolder("cache")])
        store = world.subfolder("store")
        cls.root, file, _ = car.file_car(os.urandom(SIZE))
        (store / "file.car").write_bytes(file)
        cls.edge.l2(store, "home")

    def asks(self, path, *flags):
        code, body, said = self.door.curl(path, *flags)
        self.assertEqual(code, 0, said)
        return body

    def test_a_client_gets_the_same_over_https_as_over_http(self):
        path = f"/ipfs/{self.root}?format=car"
        plain = self.edge.get(path).body
        self.assertEqual(self.asks(path), plain)
        wait_for(lambda: b"X-Cache: HIT" in self.asks(path, "-D", "-", "-o", "/dev/null"),
                 "the answer comes from the cache")
        self.assertEqual(self.asks(path), plain)

    def test_several_requests_share_a_connection(self):
        with self.door.connect() as client:
            for _ in range(3):
                client.sendall(f"GET {PROBE} HTTP/1.1\r\nHost: edge\r\n\r\n".encode())
                self.assertIn(b"200 OK", client.recv(65536))
            # Both at once, in one record.
            client.sendall(f"GET {PROBE} HTTP/1.1\r\nHost: edge\r\n\r\n".encode() * 2)
            got = b""
            while got.count(b"200 OK") < 2:
                piece = client.recv(65536)
                self.assertTrue(piece, got)
                got += piece

    def test_a_request_that_comes_with_the_handshake_is_answered(self):
        # A client of TLS 1.3 sends its request in the segment of its last handshake message.
        said = self.door.openssl("-tls1_3", "-quiet", "-ign_eof",
                                 text=f"GET {PROBE} HTTP/1.0\r\nHost: edge\r\n\r\n")
        self.assertIn("200 OK", said)

    def test_versions_and_ciphers_are_those_that_are_safe(self):
        self.assertIn("TLSv1.3", self.door.openssl("-tls1_3"))
        self.assertIn("TLSv1.2", self.door.openssl("-tls1_2"))
        for old in ("-tls1_1", "-tls1"):
            self.assertIn("alert protocol version",
                          self.door.openssl(old, "-cipher", "ALL:@SECLEVEL=0"))
        for weak in ("AES128-SHA", "ECDHE-RSA-AES128-SHA", "AES128-GCM-SHA256"):
            self.assertIn("handshake failure", self.door.openssl(
                "-tls1_2", "-cipher", f"{weak}:@SECLEVEL=0", "-servername", "second.test"))
        self.assertIn("ALPN protocol: http/1.1", self.door.openssl("-alpn", "h2,http/1.1"))
        self.assertIn("ALPN protocol: http/1.0", self.door.openssl("-alpn", "h2,http/1.0"))
        self.assertIn("alert no application protocol", self.door.openssl("-alpn", "h2"))
        self.assertIn("No ALPN negotiated", self.door.openssl())

    def test_a_client_gets_the_certificate_of_the_name_that_it_asks_for(self):
        def shown(*flags):
            return re.search(r"subject=CN = (\S+)", self.door.openssl(*flags)).group(1)
        self.assertEqual(shown("-servername", "localhost"), "first")
        self.assertEqual(shown("-servername", "second.test"), "second")
        self.assertEqual(shown("-servername", "second.test", "-tls1_2", "-cipher",
                               "ECDHE-RSA-AES128-GCM-SHA256"), "second-rsa")
        self.assertEqual(shown("-servername", "third.test"), "first")
        self.assertEqual(shown("-noservername"), "first")

    def test_renegotiation_and_early_data_are_refused(self):
        client = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{self.door.port}", "-tls1_2",
             "-legacy_renegotiation"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE)
        self.world.on_close(client.kill)
        client.stdin.write(b"R\n")  # Its end would end the client, too.
        client.stdin.flush()
        said = iter(client.stderr.readline, b"")
        self.assertTrue(any(b"no renegotiation" in line for line in said))
        client.communicate(timeout=20)
        self.assertIn("Max Early Data: 0", self.door.openssl("-tls1_3", "-ign_eof",
                                                             text=f"GET {PROBE} HTTP/1.0\r\n\r\n"))

    def resumes(self, session, version):
        said = self.door.openssl(version, "-sess_in", session)
        return "Reused, " in said

    def test_a_session_resumes_at_any_worker_and_after_a_restart(self):
        for version in ("-tls1_2", "-tls1_3"):
            session = self.world.folder / f"session{version}"
            # In TLS 1.3 tickets come behind the handshake, so there must be an answer to wait for.
            self.door.openssl(version, "-sess_out", session, "-ign_eof",
                              text=f"GET {PROBE} HTTP/1.0\r\nHost: edge\r\n\r\n")
            self.assertTrue(all(self.resumes(session, version) for _ in range(8)))
            for worker in list(self.edge.workers):
                worker.signal(signal.SIGTERM)
                worker.wait(20)
            for index in range(2):
                self.edge.start_worker(index)
            self.edge.wait_ready()
            wait_for(lambda: Edge.listens(self.door.port), "the port for https listens")
            self.assertTrue(self.resumes(session, version))
        wait_for(lambda: self.edge.metrics()['daphnis_client_handshakes_total{result="resumed"}'] > 0,
                 "resumed handshakes are counted")

    def test_what_is_no_handshake_is_closed_and_counted(self):
        failed = 'daphnis_client_handshakes_total{result="failed"}'
        before = self.edge.metrics()[failed]
        with Connection(self.door.port) as client:
            client.request(PROBE)
            rest = b""
            while not client.at_end():
                pass
        self.assertEqual(rest, b"")
        with Connection(self.door.port) as client:
            client.send(HALF_A_HELLO)
        wait_for(lambda: self.edge.metrics()[failed] >= before + 2, "both are counted")
        self.assertIn("handshake_failed", self.class_world.logs())

    def test_half_a_handshake_holds_up_nobody(self):
        halves = [Connection(self.door.port) for _ in range(200)]
        for half in halves:
            half.send(HALF_A_HELLO)
        self.assertEqual(self.asks(PROBE), b"")
        for half in halves:
            half.close()

    def test_a_slow_reader_gets_all_of_it(self):
        with self.door.connect() as client:
            client.sendall(f"GET /ipfs/{self.root}?format=car HTTP/1.1\r\nHost: edge\r\n"
                           "Connection: close\r\n\r\n".encode())
            got = b""
            while piece := client.recv(997):
                got += piece
        self.assertGreater(len(got.split(b"\r\n\r\n", 1)[1]), SIZE)


class Reload(EdgeTest):
    @classmethod
    def begin(cls, world):
        cls.door = Door(world)
        cls.old = cls.door.ca.issue("old")
        cls.new = cls.door.ca.issue("new")
        cls.edge = Edge(world, workers=2, worker_flags=cls.door.flags(cls.old))

    def shown(self):
        return re.search(r"subject=CN = (\S+)", self.door.openssl()).group(1)

    def test_certificates_are_replaced_under_load_and_nobody_is_dropped(self):
        failures, done = [], threading.Event()

        def ask_on():
            while not done.is_set():
                try:
                    with self.door.connect() as client:
                        for _ in range(3):
                            client.sendall(f"GET {PROBE} HTTP/1.1\r\nHost: edge\r\n\r\n".encode())
                            if b"200 OK" not in client.recv(65536):
                                failures.append("no answer")
                except OSError as error:
                    failures.append(repr(error))

        stays = self.door.connect()
        askers = [threading.Thread(target=ask_on) for _ in range(4)]
        for asker in askers:
            asker.start()
        try:
            for turn in range(1, 51):
                for worker in self.edge.workers:
                    worker.signal(signal.SIGHUP)
                    wait_for(lambda: worker.text().count("certificates_reloaded") >= turn,  # noqa: B023
                             "the worker has read its files anew")
            for source, target in ((self.new.cert, self.old.cert), (self.new.key, self.old.key)):
                target.write_bytes(source.read_bytes())
            for worker in self.edge.workers:
                worker.signal(signal.SIGHUP)
            wait_for(lambda: self.shown() == "new" and self.shown() == "new",
                     "new connections get the new certificate")
        finally:
            done.set()
            for asker in askers:
                asker.join()
        self.assertEqual(failures, [])
        stays.sendall(f"GET {PROBE} HTTP/1.1\r\nHost: edge\r\n\r\n".encode())
        self.assertIn(b"200 OK", stays.recv(65536))
        stays.close()

        self.old.key.write_text("junk")
        for worker in self.edge.workers:
            worker.signal(signal.SIGHUP)
            wait_for(lambda: "certificates_not_reloaded" in worker.text(),  # noqa: B023
                     "the worker says that the files are not good")
        self.assertEqual(self.shown(), "new")


class Deadline(EdgeTest):
    """10 s for a handshake. Where the broker looks at names first, a hello has 5 s."""

    COUNTS = ('daphnis_client_handshakes_total{result="failed"}',
              'daphnis_l2_handshakes_total{result="failed"}', "daphnis_l2_hellos_refused_total")

    def test_who_says_nothing_or_half_a_hello_is_closed_in_time_and_counted(self):
        door = Door(self.world)
        certificate = door.ca.issue("edge", ["localhost", "*.data.test"])
        l2s, named = free_port(), free_port()
        edges = [Edge(self.world, workers=1, worker_flags=door.flags(certificate), broker_flags=[
                     "--l2-tls-listen", f"127.0.0.1:{l2s}", "--l2-open-to-all",
                     *certificate.flags]),
                 Edge(self.world, workers=1, broker_flags=[
                     "--l2-tls-listen", f"127.0.0.1:{named}", "--l2-open-to-all",
                     "--l2-data-name", "data.test", *certificate.flags])]
        silent = [Connection(port, seconds=60) for port in (door.port, l2s, named) for _ in range(2)]
        for connection in silent[::2]:
            connection.send(HALF_A_HELLO)
        sockets = [connection.socket for connection in silent]
        self.assertEqual([], select.select(sockets, [], [], 3)[0], "they have time")
        self.assertEqual([True] * 6, [connection.at_end() for connection in silent])
        for edge, counts in zip(edges, (self.COUNTS[:2], self.COUNTS[2:])):
            for count in counts:
                wait_for(lambda: edge.metrics()[count] == 2, f"{count} is 2")  # noqa: B023
        for process in (edges[0].broker, *edges[0].workers):
            self.assertIn("it was not done in time", process.text())
        for connection in silent:
            connection.close()


class Settings(EdgeTest):
    def refused(self, *flags):
        worker = self.world.start("refused", [binary("daphnis-worker"), "--socket", self.world.folder / "s",
                                              "--listen", f"127.0.0.1:{free_port()}", *flags])
        self.assertEqual(worker.wait(10), 2)
        return worker.text()

    def test_what_cannot_work_is_refused_with_the_reason(self):
        door = Door(self.world)
        good = door.ca.issue("good")
        other = door.ca.issue("other")
        self.assertIn("--tls-cert", self.refused("--tls-listen", "127.0.0.1:1"))
        self.assertIn("as many --tls-key as --tls-cert",
                      self.refused(*door.flags(good), "--tls-cert", str(other.cert)))
        good.key.chmod(0o644)
        self.assertIn("chmod 600", self.refused(*door.flags(good)))
        good.key.chmod(0o600)
        good.key.write_bytes(other.key.read_bytes())
        self.assertIn(f"{good.key} is not the key of the certificate in {good.cert}",
                      self.refused(*door.flags(good)))
        keys = self.world.folder / "keys"
        keys.write_bytes(b"short")
        keys.chmod(0o600)
        self.assertIn("openssl rand 80",
                      self.refused(*door.flags(other), "--tls-ticket-keys", str(keys)))
