"""Many at once, and nothing left behind."""

import concurrent.futures

from harness import ASAN, Connection, Edge, EdgeTest, car, wait_for


class Load(EdgeTest):
    def setUp(self):
        self.edge = Edge(self.world)
        self.wanted = []
        for number in range(5):
            store = self.world.subfolder(f"store{number}")
            for part in range(4):
                seed = f"load-{number}-{part}"
                root, body, pairs = car.file_car(car.numbered(seed, 200_000 + 70_000 * part))
                (store / f"{part}.car").write_bytes(body)
                self.wanted.append((root, pairs))
            self.edge.l2(store, f"home-{number}", "--capacity", "64")

    def fetch(self, number):
        root, pairs = self.wanted[number % len(self.wanted)]
        response = self.edge.car(root, seconds=40)
        self.assert_car(response, pairs)

    def both_workers_served(self):
        return all("status=200" in worker.text() for worker in self.edge.workers)

    def test_200_clients_at_once_over_2_workers_each_get_the_right_car(self):
        with concurrent.futures.ThreadPoolExecutor(200) as pool:
            list(pool.map(self.fetch, range(200)))
        self.assertTrue(self.both_workers_served())

    def test_descriptors_are_the_same_before_and_after(self):
        def descriptors():
            return [process.descriptors() for process in self.edge.processes]
        for number in range(40):
            self.fetch(number)  # Whatever is opened once has been opened.
        self.settled()
        before = descriptors()
        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            list(pool.map(self.fetch, range(300)))
        for number in range(50):
            with Connection(self.edge.client_port) as leaver:
                leaver.request(f"/ipfs/{self.wanted[number % 20][0]}?format=car")
            self.edge.get("/ipfs/nonsense?format=car")
            self.edge.car(car.text(car.cid(car.RAW, b"missing")))
        self.settled()
        # L2 connections that idle between uploads come and go: wait for the count.
        wait_for(lambda: all(now <= old for now, old in zip(descriptors(), before)),
                 f"descriptors fall back to {before}, now {descriptors()}", 20)

    def settled(self):
        self.edge.wait_stats(lambda row: row["attempts_in_flight"] == 0, "no attempt in flight", 20)


class Memory(EdgeTest):
    """A client that reads slowly costs the edge buffers, not the CAR."""

    def test_a_slow_client_bounds_rss_and_disturbs_nobody(self):
        edge = Edge(self.world)
        store = self.world.subfolder("store")
        root, body, pairs = car.file_car(car.numbered("slow", 96 << 20), leaf=1 << 20)
        small, small_body, small_pairs = car.file_car(car.numbered("quick", 5000))
        (store / "big.car").write_bytes(body)
        (store / "small.car").write_bytes(small_body)
        edge.l2(store, "home", "--capacity", "8")
        for _ in range(4):
            self.assert_car(edge.car(small), small_pairs)
        before = [process.rss_kib() for process in edge.processes]
        for process in edge.processes:
            process.reset_rss_peak()

        slow = Connection(edge.client_port, seconds=60, receive_buffer=16 * 1024)
        slow.request(f"/ipfs/{root}?format=car", headers={"X-Request-Id": "slow"})
        head = slow.read_until(b"\r\n\r\n")
        slow.unread(head)
        for _ in range(20):
            self.assert_car(edge.car(small), small_pairs)
        if not ASAN:
            for process, base in zip(edge.processes, before):
                growth = process.rss_peak_kib() - base
                self.assertLess(growth, 24 * 1024, f"{process.name} grew by {growth} KiB")
        response = slow.response()
        self.assertTrue(response.complete, response.why)
        self.assertEqual(len(body), len(response.body))
        self.assertEqual(body, response.body)
