"""An L2 that begins late and knows no cancel: it never has more orders than it works on at once."""

import threading
import time

from harness import Edge, EdgeTest, car, wait_for

MISSES, AT_ONCE, BEGINS_AFTER_S = 60, 3, 0.5


class LateL2(EdgeTest):
    def setUp(self):
        self.cars = {}
        for number in range(MISSES):
            root, body, _ = car.file_car(car.numbered(f"late-{number}", 4_000))
            self.cars[root] = body
        self.lock, self.works = threading.Lock(), threading.Semaphore(AT_ONCE)
        self.unanswered = self.most = 0
        self.statuses = []

    def answer(self, l2, order):
        with self.lock:
            self.unanswered += 1
            self.most = max(self.most, self.unanswered)
        with self.works:
            time.sleep(BEGINS_AFTER_S)
            with self.lock:  # Before the POST, whose head may bring the next order.
                self.unanswered -= 1
            l2.post(order, self.cars[order["root"]])

    def miss_all(self, edge):
        def miss(root):
            self.statuses.append(edge.car(root, seconds=60).status)

        clients = [threading.Thread(target=miss, args=(root,)) for root in self.cars]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        wait_for(lambda: edge.l2s()["home"]["given_up"] == 0, "no order given up keeps a place", 20)

    def test_orders_that_time_out_keep_their_places(self):
        edge = Edge(self.world, broker_flags=["--first-byte-ms", "200"])
        edge.fake("home", self.answer, legacy=True)
        self.miss_all(edge)
        self.assertLessEqual(self.most, AT_ONCE)
        self.assertEqual(0, edge.metrics()["daphnis_l2_places_expired_total"])

    def test_nearly_all_that_it_can_do_is_served(self):
        # Who comes late, when the L2 is known to be slow, would not wait for long.
        edge = Edge(self.world, patient=True, broker_flags=["--queue-wait-ms", "60000"])
        edge.fake("home", self.answer, legacy=True)
        self.miss_all(edge)
        self.assertLessEqual(self.most, AT_ONCE)
        self.assertGreaterEqual(self.statuses.count(200), 0.95 * MISSES)
