"""What nobody has: one round of candidates for all who ask, and none for those who ask soon after."""

import collections
import resource
import socket
import time
import unittest

from harness import Edge, EdgeTest, car, not_found, over_tls, sends

CLIENTS = 1000
L2S = 5


def ask_at_once(port, path, count):
    """`count` HTTP/1.0 clients that ask at one time. Returns how many got each status."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, count + 512)), hard))
    clients, statuses = [], collections.Counter()
    try:
        for _ in range(count):
            clients.append(over_tls.wrap(socket.create_connection(("127.0.0.1", port), 30), port))
        for client in clients:
            client.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        for client in clients:
            answer = b""
            while part := client.recv(65536):
                answer += part
            statuses[int(answer.split(b" ", 2)[1]) if answer else 0] += 1
    finally:
        for client in clients:
            client.close()
    return statuses


def late(answer, seconds):
    """The same answer, so much later that a crowd has come meanwhile."""
    def does(l2, order):
        time.sleep(seconds)
        answer(l2, order)
    return does


class Absent(EdgeTest):
    def prepare(self, seed, answer=None, l2s=L2S, **options):
        """An edge whose L2s lack everything; the first one gives this answer instead. Returns the
        path of a CAR that nobody has, its root and its bytes."""
        self.edge = Edge(self.world, patient=True, **options)
        self.l2s = [self.edge.fake(f"home-{n}", (n == 0 and answer) or late(not_found, 0.1))
                    for n in range(l2s)]
        root, body, self.pairs = car.file_car(car.numbered(seed, 5000))
        return f"/ipfs/{root}?format=car", root, body

    def orders(self):
        return self.edge.metrics()["daphnis_attempts_total"]

    def test_a_crowd_costs_one_round_and_the_next_one_none(self):
        path, root, body = self.prepare("nobody")
        begun = time.monotonic()
        self.assertEqual({404: CLIENTS}, ask_at_once(self.edge.client_port, path, CLIENTS))
        self.assertEqual(L2S, self.orders())
        self.assertEqual({404: CLIENTS}, ask_at_once(self.edge.client_port, path, CLIENTS))
        if time.monotonic() - begun < 10:
            self.assertEqual(L2S, self.orders())
        # It is found as soon as an L2 announces it.
        home = self.edge.fake("home-with-it", sends(body))
        self.assertEqual(200, home.announce(add=[root]).status)
        self.assert_car(self.edge.car(root), self.pairs)

    def test_it_is_found_once_one_that_lacked_it_announces_it(self):
        path, root, body = self.prepare("later")
        self.assertEqual(404, self.edge.get(path).status)
        home = self.l2s[0]
        home.answer = sends(body)
        self.assertEqual(200, home.announce(add=[root]).status)
        announced = time.monotonic()
        self.assert_car(self.edge.car(root), self.pairs)
        self.assertLess(time.monotonic() - announced, 1)

    def test_where_an_l2_failed_the_crowd_hears_that(self):
        lie = b"this is no CAR at all"
        path, _, _ = self.prepare("failed", late(sends(lie), 0.1))
        statuses = ask_at_once(self.edge.client_port, path, CLIENTS)
        self.assertEqual(CLIENTS, statuses[502] + statuses[404], statuses)
        self.assertGreater(statuses[502], 0)

    def test_it_is_looked_for_again_after_ten_seconds(self):
        path, _, _ = self.prepare("again", l2s=2)
        self.assertEqual(404, self.edge.get(path).status)
        self.assertEqual(404, self.edge.get(path).status)
        self.assertEqual(2, self.orders())
        time.sleep(10.5)
        self.assertEqual(404, self.edge.get(path).status)
        self.assertEqual(4, self.orders())

    def test_memory_that_observes_answers_nothing(self):
        path, _, _ = self.prepare("observed", l2s=2, broker_flags=["--negative-memory", "observe"])
        for _ in range(3):
            self.assertEqual(404, self.edge.get(path).status)
        metrics = self.edge.metrics()
        self.assertEqual(6, metrics["daphnis_attempts_total"])
        self.assertEqual(2, metrics['daphnis_absence_hits_total{kind="round"}'])

    def test_a_missing_path_costs_one_order(self):
        self.prepare("path", l2s=1)
        root, _, pairs = car.file_car(car.numbered("path", 5000), leaf=1000)
        proof = car.car(pairs[0][0], pairs[:1])
        home = self.edge.fake("home-with-it", sends(proof))
        self.assertEqual(200, home.announce(add=[root]).status)
        for _ in range(3):
            missing = self.edge.get(f"/ipfs/{root}/no/such/name?format=car")
            self.assertEqual(404, missing.status)
            self.assertIn(b"path_not_found", missing.body)
        self.assertEqual(1, self.orders())

    def test_a_client_that_asks_for_one_absent_cid_after_the_other_is_bounded(self):
        self.prepare("flood", not_found, l2s=1)
        statuses = collections.Counter()
        begun = time.monotonic()
        for n in range(400):
            root = car.text(car.cid(car.RAW, f"flood-{n}".encode()))
            answer = self.edge.get(f"/ipfs/{root}?format=raw")
            statuses[answer.status] += 1
            if answer.status == 503:
                self.assertIn("retry-after", answer.headers)
        seconds = time.monotonic() - begun
        self.assertEqual(400, statuses[404] + statuses[503], statuses)
        self.assertEqual(statuses[404], self.orders())
        self.assertLessEqual(statuses[404], 64 * (seconds + 1) + 1)
        # What an L2 has announced is served all the while.
        root, body, pairs = car.file_car(car.numbered("there", 5000))
        home = self.edge.fake("home-with-it", sends(body))
        self.assertEqual(200, home.announce(add=[root]).status)
        self.assert_car(self.edge.car(root), pairs)


if __name__ == "__main__":
    unittest.main()
