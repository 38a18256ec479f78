"""One fetch for all: whoever asks for what is being fetched reads along, at any worker."""

import time

from harness import ASAN, CAMPAIGN, Connection, Crowd, Edge, EdgeTest, car, sends, wait_for

CLIENTS = 1000 if CAMPAIGN else 100
# In a campaign: 500 slow clients on 1 GiB.
SLOW_MIB = 1024 if CAMPAIGN else 64


class JoinTest(EdgeTest):
    def prepare(self, seed, mib, **options):
        """An edge whose only L2 holds one CAR. Returns (root, CAR bytes)."""
        store = self.world.subfolder("store")
        root, body, _ = car.file_car(car.numbered(seed, mib << 20))
        (store / "file.car").write_bytes(body)
        self.edge = Edge(self.world, patient=True, **options)
        self.edge.l2(store, "home", "--capacity", "64")
        return root, body

    def cached(self, limit="1G"):
        return {"broker_flags": ["--cache-dir", self.world.subfolder("cache"), "--cache-limit",
                                 limit]}

    def attempts(self):
        return self.edge.metrics()["daphnis_attempts_total"]

    def assert_all_whole(self, crowd, count):
        self.assertEqual([], crowd.faults[:5])
        self.assertEqual(count, crowd.whole)


class Joins(JoinTest):
    def crowd_of_one_cold_car(self, mib, count=100, **options):
        root, body = self.prepare("crowd", mib, **options)
        crowd = Crowd(self.edge.client_port, f"/ipfs/{root}?format=car", body, count).run()
        self.assert_all_whole(crowd, count)
        wait_for(lambda: all("access" in worker.text() for worker in self.edge.workers),
                 "both workers have served some of them")
        return crowd

    def test_a_crowd_that_asks_for_one_cold_car_costs_one_attempt(self):
        crowd = self.crowd_of_one_cold_car(16, CLIENTS, **self.cached())
        self.assertEqual(1, self.attempts())
        self.assertEqual(1, crowd.statuses.get("MISS"))
        self.assertGreater(crowd.statuses.get("FETCHING", 0), 0)

    def test_without_a_cache_a_crowd_still_costs_one_attempt(self):
        self.crowd_of_one_cold_car(16)
        self.assertEqual(1, self.attempts())

    def test_a_crowd_that_asks_for_a_small_cold_car_costs_one_attempt(self):
        self.crowd_of_one_cold_car(1, CLIENTS)
        # Without a cache those who come after the last reader has left begin anew.
        self.assertLessEqual(self.attempts(), 3)

    def test_nothing_is_left_of_a_crowd_without_a_cache(self):
        spools = self.world.subfolder("spools")
        self.crowd_of_one_cold_car(16, broker_flags=["--spool-dir", spools])
        wait_for(lambda: not any(p.is_file() for p in spools.rglob("*")), "the spools are gone")
        self.edge.settle()

    def test_when_the_worker_that_fetches_dies_those_of_the_other_worker_get_it_whole(self):
        root, body = self.prepare("orphans", 32, **self.cached())
        path = f"/ipfs/{root}?format=car"
        # Small buffers and clients that wait: the fetch is under way for as long as we like.
        crowd = Crowd(self.edge.client_port, path, body, 24, receive_buffer=1 << 16)
        wait_for(lambda: crowd.sip(4096) or min(crowd.bodies()) > 0, "all have their first bytes")
        leader = next((w for w in self.edge.workers if "cache=MISS" in w.text()), None)
        leader = leader or self.edge.workers[0]
        leader.kill()
        crowd.run(60)
        self.assertGreater(crowd.whole, 0)
        self.assertEqual(24, crowd.whole + len(crowd.faults))
        # What the dead worker had begun ends in a reset: an end would look whole to HTTP/1.0.
        self.assertEqual([], [fault for fault in crowd.faults if "ECONNRESET" not in fault])

    def test_one_that_leaves_disturbs_no_other(self):
        root, body = self.prepare("leavers", 16, **self.cached())
        path = f"/ipfs/{root}?format=car"
        with Connection(self.edge.client_port, receive_buffer=1 << 16) as first:
            first.request(path)
            first.read_until(b"\r\n\r\n")
            crowd = Crowd(self.edge.client_port, path, body, 8, receive_buffer=1 << 16)
            wait_for(lambda: crowd.sip(4096) or min(crowd.bodies()) > 0, "all have begun")
        crowd.run(60)
        self.assert_all_whole(crowd, 8)
        self.assertEqual(1, self.attempts())

    def test_when_the_last_reader_leaves_the_l2_is_released(self):
        root, _ = self.prepare("last", 64, broker_flags=["--spool-dir", "none"])
        with Connection(self.edge.client_port, receive_buffer=1 << 16) as only:
            only.request(f"/ipfs/{root}?format=car")
            only.read_until(b"\r\n\r\n")
        self.edge.settle()


class SlowClients(JoinTest):
    """500 slow clients on one large CAR."""

    def test_the_l2_is_released_at_its_own_speed_and_memory_stays_small(self):
        count = 50 if ASAN else 500
        root, body = self.prepare("slow", SLOW_MIB, **self.cached("4G"))
        path = f"/ipfs/{root}?format=car"
        crowd = Crowd(self.edge.client_port, path, body, count, receive_buffer=1 << 16)
        wait_for(lambda: crowd.sip(4096) or min(crowd.bodies()) > 0, "all have their first bytes",
                 30)
        # 10 KB/s each, for as long as the L2 sends.
        released = None
        deadline = time.monotonic() + 120
        while released is None and time.monotonic() < deadline:
            crowd.sip(1024)
            time.sleep(0.1)
            if self.edge.metrics()["daphnis_attempts_in_flight"] == 0:
                released = time.monotonic()
        self.assertIsNotNone(released, "the L2 is still held")
        self.assertLess(max(crowd.bodies()), len(body) // 2, "they were to be slow")
        if not ASAN:
            for worker in self.edge.workers:
                self.assertLess(worker.rss_peak_kib(), 200 * 1024)
        fast = Crowd(self.edge.client_port, path, body, 2).run(60)
        self.assert_all_whole(fast, 2)
        self.assertEqual(1, self.attempts())
        self.assertEqual([], crowd.faults)
        crowd.close()


class Leader(JoinTest):
    def test_a_fetch_that_fails_fails_those_who_joined_it_in_the_same_way(self):
        self.edge = Edge(self.world, patient=True)
        root, body, _ = car.file_car(car.numbered("broken", 2 << 20))
        self.edge.fake("liar", sends(body[:1 << 20] + b"\0" * (1 << 20)))
        crowd = Crowd(self.edge.client_port, f"/ipfs/{root}?format=car", body, 40).run(60)
        self.assertEqual(0, crowd.whole)
        self.assertEqual(40, len(crowd.faults))


if __name__ == "__main__":
    import unittest
    unittest.main()
