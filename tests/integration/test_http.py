"""The client's side of HTTP: connections, ids, and everything that must not get through."""

import json
import select
import socket
import time

from harness import ASAN, Connection, Edge, EdgeTest, car, sends, wait_for


class Clients(EdgeTest):
    @classmethod
    def begin(cls, world):
        cls.edge = Edge(world, broker_flags=["--log-level", "debug"], patient=True)
        cls.root, cls.body, cls.pairs = car.file_car(car.numbered("http", 700_000))
        cls.path = f"/ipfs/{cls.root}?format=car"
        store = world.subfolder("store")
        (store / "one.car").write_bytes(cls.body)
        cls.home = cls.edge.l2(store, "home")

    def test_keep_alive_serves_many_requests_on_one_connection(self):
        with Connection(self.edge.client_port) as connection:
            for number in range(20):
                connection.request(self.path)
                self.assert_car(connection.response(), self.pairs)
            connection.request(self.path, headers={"Connection": "close"})
            self.assert_car(connection.response(), self.pairs)
            self.assertTrue(connection.at_end())

    def test_pipelined_requests_are_answered_in_order(self):
        with Connection(self.edge.client_port) as connection:
            request = "GET {} HTTP/1.1\r\nHost: x\r\nX-Request-Id: p-{}\r\n\r\n"
            paths = [self.path, "/ipfs/not-a-cid?format=car", self.path, "/nowhere", self.path]
            connection.send("".join(request.format(p, n) for n, p in enumerate(paths)))
            for number, path in enumerate(paths):
                response = connection.response()
                self.assertEqual(f"p-{number}", response.headers["x-request-id"], response)
                if path == self.path:
                    self.assert_car(response, self.pairs)
                else:
                    self.assertIn(response.status, (400, 404))

    def test_a_request_that_comes_byte_by_byte(self):
        with Connection(self.edge.client_port) as connection:
            connection.send_slowly(f"GET {self.path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            self.assert_car(connection.response(), self.pairs)

    def test_head_is_get_without_its_body(self):
        with Connection(self.edge.client_port) as connection:
            connection.request(self.path, "HEAD")
            head = connection.response("HEAD")
            connection.request(self.path)
            whole = connection.response()
        self.assertEqual(200, head.status, head)
        self.assert_car(whole, self.pairs)
        for name in ("content-type", "etag", "cache-control", "content-disposition"):
            self.assertEqual(whole.headers.get(name), head.headers.get(name), name)
        missing = car.text(car.cid(car.RAW, b"nobody has this"))
        self.assertEqual(404, self.edge.get(f"/ipfs/{missing}?format=car", "HEAD").status)

    def test_http_10_gets_a_body_that_ends_by_close(self):
        with Connection(self.edge.client_port) as connection:
            connection.send(f"GET {self.path} HTTP/1.0\r\nHost: x\r\n\r\n")
            response = connection.response()
            self.assertNotIn("transfer-encoding", response.headers)
            self.assert_car(response, self.pairs)

    def test_the_request_id_is_echoed_and_stands_in_every_log(self):
        for good in ("a", "Ab.9_-z", "x" * 64):
            response = self.edge.get(self.path, headers={"X-Request-Id": good})
            self.assertEqual(good, response.headers["x-request-id"])
        self.edge.get(self.path, headers={"X-Request-Id": "seen-by-both"})
        line = self.edge.access_line("seen-by-both")
        self.assertEqual("200", line["status"], line)
        for process in (self.edge.broker, self.home):
            self.edge.log_line([process], "seen-by-both", lambda row: row.get("trace"))

    def test_an_id_that_is_no_id_is_replaced(self):
        for bad in ("", "x" * 65, "a b", "a\"b", "ü"):
            response = self.edge.get(self.path, headers={"X-Request-Id": bad})
            made = response.headers["x-request-id"]
            self.assertNotEqual(bad, made)
            self.assertRegex(made, r"^[A-Za-z0-9._-]{1,64}$")

    def test_one_access_line_for_every_request(self):
        wanted = {"access-200": (self.path, 200), "access-400": ("/ipfs/zzz?format=car", 400),
                  "access-404": ("/nothing", 404)}
        for request_id, (path, status) in wanted.items():
            response = self.edge.get(path, headers={"X-Request-Id": request_id})
            self.assertEqual(status, response.status)
            line = self.edge.access_line(request_id)
            self.assertEqual(str(status), line["status"])
        lines = [line for worker in self.edge.workers for line in worker.text().splitlines()
                 if "access-200" in line and "status=" in line]
        self.assertEqual(1, len(lines), lines)

    def test_errors_are_one_line_of_json_with_a_stable_code(self):
        for path, status in (("/ipfs/zzz?format=car", 400), ("/nothing", 404),
                             (f"/ipfs/{self.root}?format=nonsense", 400)):
            response = self.edge.get(path)
            self.assertEqual(status, response.status, response)
            self.assertRegex(json.loads(response.body)["code"], r"^[a-z0-9_]+$")

    def test_a_post_is_refused_with_what_is_allowed(self):
        with Connection(self.edge.client_port) as connection:
            connection.request(self.path, "POST", {"Content-Length": "0"})
            response = connection.response()
            self.assertEqual(405, response.status)
            self.assertIn("GET", response.headers["allow"])

    def test_a_hundred_thousand_pipelined_requests_that_nobody_reads(self):
        """The worker stops reading; its memory does not grow with them; others are served."""
        connection = Connection(self.edge.client_port, receive_buffer=4096)
        connection.socket.setblocking(False)
        requests = f"GET {self.path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 100_000
        before = max(worker.rss_kib() for worker in self.edge.workers)
        sent = 0
        while select.select([], [connection.socket], [], 1)[1]:
            sent += connection.socket.send(requests[sent:sent + 65536])
        self.assertLess(sent, len(requests), "nobody reads all that")
        for _ in range(10):
            self.assert_car(self.edge.get(self.path), self.pairs)
        if not ASAN:
            growth = max(worker.rss_kib() for worker in self.edge.workers) - before
            self.assertLess(growth, 16 * 1024)
        connection.close()

    def test_a_slow_head_is_ended(self):
        with Connection(self.edge.client_port, seconds=60) as connection:
            started = time.monotonic()
            connection.send("GET /ipfs/")
            response = connection.response()
            self.assertIn(response.status, (0, 408), response)
            self.assertLess(time.monotonic() - started, 35)


class HostileHeads(EdgeTest):
    """Each gets a clear status and a closed connection, on both public ports, and what was
    pipelined behind it is never answered."""

    @classmethod
    def begin(cls, world):
        cls.edge = Edge(world, workers=1, patient=True)
        cls.root, cls.body, cls.pairs = car.file_car(car.numbered("hostile", 5000))
        cls.edge.fake("home", sends(cls.body))

    def exchange(self, port, raw):
        """(first status or 0, number of responses, closed)"""
        with Connection(port, seconds=20) as connection:
            try:
                connection.send(raw)
            except ConnectionError:
                pass
            statuses = []
            while True:
                response = connection.response()
                if not response.status:
                    return statuses, True
                statuses.append(response.status)

    def check(self, port, method, target):
        host = "Host: x\r\n"
        tail = "\r\n" + f"GET {target} HTTP/1.1\r\nHost: x\r\nX-Request-Id: smuggled\r\n\r\n"

        def head(*fields, line=f"{method} {target} HTTP/1.1", with_host=True):
            return line + "\r\n" + (host if with_host else "") + "".join(f + "\r\n" for f in fields)
        chunked = "Transfer-Encoding: chunked"
        cases = {
            "CL and TE": head("Content-Length: 4", chunked) + "\r\n0\r\n\r\n",
            "TE and CL": head(chunked, "Content-Length: 4") + "\r\n0\r\n\r\n",
            "two TEs": head(chunked, "Transfer-Encoding: identity") + "\r\n0\r\n\r\n",
            "chunked, identity": head("Transfer-Encoding: chunked, identity") + "\r\n0\r\n\r\n",
            "xchunked": head("Transfer-Encoding: xchunked") + "\r\n0\r\n\r\n",
            "two CLs that differ": head("Content-Length: 0", "Content-Length: 5") + "\r\n",
            "CL +5": head("Content-Length: +5") + "\r\nhello",
            "CL 5,5": head("Content-Length: 5,5") + "\r\nhello",
            "CL -1": head("Content-Length: -1") + "\r\n",
            "CL 2^64": head("Content-Length: 18446744073709551616") + "\r\n",
            "CL hex": head("Content-Length: 0x5") + "\r\nhello",
            "chunk size overflow": head(chunked) + "\r\nFFFFFFFFFFFFFFFF0\r\n",
            "chunk lines by LF": head(chunked) + "\r\n5\nhello\n0\n\n",
            "chunk without its CRLF": head(chunked) + "\r\n5\r\nhelloX0\r\n\r\n",
            "chunk size with a sign": head(chunked) + "\r\n+5\r\nhello\r\n0\r\n\r\n",
            "bare LF head": head().replace("\r\n", "\n") + "\n",
            "bare CR": head("X: a\rb") + "\r\n",
            "NUL in a value": head("X: a\0b") + "\r\n",
            "NUL in a name": head("X\0Y: a") + "\r\n",
            "obs-fold": head("X: a\r\n b") + "\r\n",
            "space before the colon": head("X : a") + "\r\n",
            "empty name": head(": a") + "\r\n",
            "space in a name": head("X Y: a") + "\r\n",
            "no Host": head(with_host=False) + "\r\n",
            "two Hosts": head("Host: y") + "\r\n",
            "HTTP/1.0 and TE": head(chunked, line=f"{method} {target} HTTP/1.0") + "\r\n0\r\n\r\n",
            "HTTP/9.9": head(line=f"{method} {target} HTTP/9.9") + "\r\n",
            "HTTP/2 preface": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "no version": head(line=f"{method} {target}") + "\r\n",
            "two spaces": head(line=f"{method}  {target} HTTP/1.1") + "\r\n",
            "NUL in the target": head(line=f"{method} {target}\0 HTTP/1.1") + "\r\n",
            "a TLS hello": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        }
        for name, raw in cases.items():
            with self.subTest(name):
                statuses, _ = self.exchange(port, (raw + tail).encode("latin-1"))
                self.assertIn(len(statuses), (0, 1), statuses)
                if statuses:
                    self.assertIn(statuses[0], (400, 405, 413, 501, 505), statuses)

    def limits(self, port, method, target):
        start = f"{method} {target} HTTP/1.1\r\nHost: x\r\n"
        cases = {
            "a 64 KiB target": (f"{method} {target}{'a' * 65536} HTTP/1.1\r\nHost: x\r\n\r\n", 414),
            "a 1 MiB field": (start + f"X: {'a' * (1 << 20)}\r\n\r\n", 431),
            "10,000 fields": (start + "X: a\r\n" * 10_000 + "\r\n", 431),
        }
        for name, (raw, status) in cases.items():
            with self.subTest(name):
                statuses, _ = self.exchange(port, raw.encode())
                # A reset may overtake the status where the peer still sends.
                self.assertIn(statuses, ([status], []))

    def test_the_workers_port(self):
        self.check(self.edge.client_port, "GET", f"/ipfs/{self.root}?format=car")
        self.limits(self.edge.client_port, "GET", f"/ipfs/{self.root}?format=car&x=")
        self.assert_car(self.edge.car(self.root), self.pairs)

    def test_the_l2_port(self):
        self.check(self.edge.l2_port, "POST", f"/data/{self.root}?requestId=none")
        self.limits(self.edge.l2_port, "POST", f"/data/{self.root}?requestId=none")
        self.assert_car(self.edge.car(self.root), self.pairs)

    def test_nothing_was_smuggled_into_a_log(self):
        for process in self.edge.processes:
            self.assertNotIn("smuggled", process.text())

    def test_a_body_on_get_does_not_become_the_next_request(self):
        inner = f"GET /ipfs/{self.root}?format=car HTTP/1.1\r\nHost: x\r\n\r\n"
        raw = (f"GET /ipfs/{self.root}?format=car HTTP/1.1\r\nHost: x\r\n"
               f"Content-Length: {len(inner)}\r\n\r\n{inner}")
        with Connection(self.edge.client_port, seconds=3) as connection:
            connection.send(raw)
            connection.response()
            connection.shut_down()
            self.assertEqual(0, connection.response().status, "one request, one response")

    def test_paths_that_try_to_climb_are_refused_or_just_names(self):
        for path in ("/ipfs/../etc/passwd", "/ipfs/%2e%2e/x", f"/ipfs/{self.root}/%00?format=car",
                     "/ipfs/", "/ipfs//", f"//ipfs/{self.root}",
                     f"/ipfs/{self.root}%00?format=car"):
            with self.subTest(path):
                self.assertIn(self.edge.get(path).status, (400, 404))

    def test_a_reader_of_logs_cannot_be_fooled(self):
        before = wait_for(lambda: self.edge.workers[0].text(), "a log")
        self.edge.get("/ipfs/x%0Aevent=forged%20status=200?format=car\"")
        new = self.edge.workers[0].text()[len(before):]
        self.assertFalse(any(line.startswith("event=forged") for line in new.splitlines()))
