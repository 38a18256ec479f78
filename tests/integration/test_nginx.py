"""Workers behind a real nginx with its defaults: content that cannot be had must not make it take
good workers for dead ones."""

import json
import threading
import unittest

from harness import Connection, Edge, EdgeTest, binary, car, curl, free_port, get, not_found, wait_for
from harness.nginx import NGINX, start_nginx

# `error` and a time-out of one server send the request to the next one, and put the server out of
# use for ten seconds (max_fails=1): nginx's defaults, which stand here unsaid.
PAGE = """
  upstream edge {{ server 127.0.0.1:{one}; server 127.0.0.1:{two}; }}
  server {{
    listen 127.0.0.1:{plain};
    location / {{ proxy_pass http://edge; proxy_buffering off; }}
  }}
  server {{
    listen 127.0.0.1:{kept};
    location / {{
      proxy_pass http://edge; proxy_buffering off;
      proxy_http_version 1.1; proxy_set_header Connection "";
    }}
  }}
"""


def two_leaves(seed):
    """(root as text, the pairs of root and leaves): a file of two leaves."""
    root, pairs = car.unixfs_file(car.numbered(seed, 2000), leaf=1000)
    return car.text(root), pairs


class CutAnswers(EdgeTest):
    """Two workers, and one L2 that has good content and such as it cannot or will not send."""

    @classmethod
    def begin(cls, world):
        cls.edge = Edge(world, workers=1, patient=True)
        cls.second_port = free_port()
        cls.edge.workers.append(world.start("second-worker", [
            binary("daphnis-worker"), "--socket", cls.edge.socket,
            "--listen", f"127.0.0.1:{cls.second_port}", "--index", 1]))
        wait_for(lambda: Edge.listens(cls.second_port), "the second worker listens")
        cls.edge.wait_ready()
        cls.good, cls.good_body, cls.good_pairs = car.file_car(car.numbered("good", 3000))
        cls.bodies = {cls.good: cls.good_body}
        cls.spoilt = {}
        for name, spoil in {
                "missing": lambda b: b"",
                "corrupt": lambda b: car.section(b[0], b[1][:-1] + b"?"),
                "foreign": lambda b: car.section(*two_leaves("another")[1][2])}.items():
            root, (d, a, b) = two_leaves(name)
            cls.bodies[root] = car.header([d[0]]) + car.section(*d) + car.section(*a) + spoil(b)
            cls.spoilt[name] = root
        cls.edge.fake("one", cls.answer)

    @classmethod
    def answer(cls, l2, order):
        """All of it in one write."""
        body = cls.bodies.get(order["root"])
        if body is None:
            return not_found(l2, order)
        with Connection(l2.port) as connection:
            connection.send(f"POST {l2.target(order)} HTTP/1.1\r\nHost: x\r\n"
                            f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
            return connection.response()

    def assert_says_why(self, response):
        """The worker's own words, not nginx's."""
        self.assertEqual(502, response.status, response)
        self.assertIn(json.loads(response.body)["code"], ("l2_failed", "l2_bad_content"))

    def assert_both_serve(self, port):
        for number in range(50):
            response = get(port, f"/ipfs/{self.good}?format=car")
            self.assertEqual(200, response.status, (number, response))
            self.assert_car(response, self.good_pairs)

    def test_what_is_cut_before_its_first_byte_is_a_whole_answer_that_says_why(self):
        for name, root in self.spoilt.items():
            for version in ("--http1.1", "--http1.0"):
                code, out = curl(self.edge.url(f"/ipfs/{root}?format=car"), version, "-w",
                                 "%{http_code}", "-o", self.world.folder / "out")
                self.assertEqual((0, b"502"), (code, out), (name, version))

    def test_what_is_cut_after_its_first_byte_is_no_empty_reply(self):
        root, (d, a, _) = two_leaves("late")
        out = self.world.folder / "late"

        def late(l2, order):
            if order["root"] != root:
                return not_found(l2, order)
            upload = l2.upload(order)
            upload.send(car.header([d[0]]) + car.section(*d) + car.section(*a))
            wait_for(lambda: out.exists() and out.stat().st_size > 0, "the client has some of it")
            return upload.close()
        fake = self.edge.fake("late", late)
        fake.announce(add=[root])
        code, status = curl(self.edge.url(f"/ipfs/{root}?format=car"), "-N", "-o", out,
                            "-w", "%{http_code}")
        self.assertEqual((18, b"200"), (code, status))

    @unittest.skipUnless(NGINX, "there is no nginx here")
    def test_after_content_that_cannot_be_had_nginx_still_uses_both_workers(self):
        plain, kept = free_port(), free_port()
        start_nginx(self.world, PAGE.format(one=self.edge.in_clear(self.edge.client_port),
                                            two=self.second_port, plain=plain, kept=kept), plain)
        for port in (plain, kept):
            for name, root in self.spoilt.items():
                with self.subTest(name, port="1.0" if port == plain else "1.1"):
                    self.assert_says_why(get(port, f"/ipfs/{root}?format=car"))
                    self.assert_both_serve(port)
            with self.subTest("cut after its first byte", port="1.0" if port == plain else "1.1"):
                self.cut_in_the_midst(port)
                self.assert_both_serve(port)

    def cut_in_the_midst(self, port):
        root, (d, a, _) = two_leaves(f"midst {port}")
        has_some = threading.Event()

        def midst(l2, order):
            if order["root"] != root:
                return not_found(l2, order)
            upload = l2.upload(order)
            upload.send(car.header([d[0]]) + car.section(*d) + car.section(*a))
            has_some.wait(10)
            return upload.close()
        fake = self.edge.fake(f"midst-{port}", midst)
        fake.announce(add=[root])
        with Connection(port) as client:
            client.request(f"/ipfs/{root}?format=car")
            head = client.read_until(b"\r\n\r\n")
            client.unread(head)
            has_some.set()
            response = client.response()
        self.assertEqual((200, False), (response.status, response.complete), response)
        fake.close()
        self.edge.wait_l2_gone(fake.id)
