"""One address that wants everything: others still get in, and what it took comes back."""

import threading

from harness import ASAN, Connection, Edge, EdgeTest, FakeL2, car, sends, wait_for

ELSEWHERE = "127.0.0.2"


class Crowded(EdgeTest):
    def test_one_address_cannot_register_more_than_its_share(self):
        edge = Edge(self.world, broker_flags=["--l2s-per-address", "20"])
        hoard = [edge.fake(f"hoard-{n}") for n in range(25)]
        self.assertEqual([200] * 20 + [503] * 5, [fake.status for fake in hoard])
        self.assertIn(b"address_full", hoard[-1].stream.read())
        root, body, pairs = car.file_car(car.numbered("crowded", 5000))
        honest = FakeL2(edge.l2_port, "honest", sends(body), source=ELSEWHERE)
        self.world.on_close(honest.close)
        self.assertEqual(200, honest.status)
        self.assertEqual(200, honest.announce(add=[root]).status)
        self.assert_car(edge.car(root), pairs)

    def test_idle_connections_give_way_to_new_ones(self):
        edge = Edge(self.world, patient=True,
                    broker_flags=["--l2-connections-per-address", "50"])
        root, body, pairs = car.file_car(car.numbered("idle", 5000))
        idle = [Connection(edge.l2_port) for _ in range(60)]
        for connection in idle:
            self.world.on_close(connection.close)
        fake = edge.fake("home", sends(body))
        self.assertEqual(200, fake.status)
        self.assert_car(edge.car(root), pairs)
        self.assertGreaterEqual(edge.metrics()["daphnis_l2_connections_displaced_total"], 10)
        self.assertLessEqual(edge.metrics()["daphnis_l2_connections"], 50)

    def test_the_memory_of_what_was_announced_comes_back(self):
        edge = Edge(self.world, workers=1)
        before = edge.broker.rss_kib()
        fakes = [edge.fake(f"hoard-{n}") for n in range(4)]

        def announce(number):
            for part in range(40):  # Each a line below its bound.
                roots = [car.text(car.cid(car.RAW, f"{number}-{part}-{n}".encode()))
                         for n in range(1_000)]
                self.assertEqual(200, fakes[number].announce(add=roots).status)

        threads = [threading.Thread(target=announce, args=(n,)) for n in range(len(fakes))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(160_000, edge.metrics()["daphnis_holdings"])
        grown = edge.broker.rss_kib() - before
        for fake in fakes:
            fake.close()
        wait_for(lambda: edge.metrics()["daphnis_holdings"] == 0, "all is forgotten", 20)
        if not ASAN:
            left = edge.broker.rss_kib() - before
            self.assertLess(left, grown / 4, f"of {grown} KiB, {left} KiB are kept")
