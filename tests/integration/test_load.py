"""Many at once, and nothing left behind."""

import concurrent.futures

from harness import ASAN, Connection, Edge, EdgeTest, car, wait_for


class Load(EdgeTest):
    def setUp(self):
        self.edge = Edge(self.world, patient=True)
        self.wanted = []
        for number in range(5):
            store = self.world.subfolder(f"store{number}")
            for part in range(4):
                seed = f"load-{number}-{part}"
                root, body, pairs = car.file_car(car.numbered(seed, 200_000 + 70_000 * part))
                (store / f"{part}.car").write_bytes(body)
                self.wanted.append((root, pairs))
        self.start_l2s()

    def start_l2s(self):
        self.l2s = [self.edge.l2(self.world.folder / f"store{number}", f"home-{number}",
                                 "--capacity", "64") for number in range(5)]

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
        for number in range(40):
            self.fetch(number)  # Whatever is opened once has been opened.
        before = self.without_l2s()
        self.start_l2s()
        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            list(pool.map(self.fetch, range(300)))
        for number in range(50):
            with Connection(self.edge.client_port) as leaver:
                leaver.request(f"/ipfs/{self.wanted[number % 20][0]}?format=car")
            self.edge.get("/ipfs/nonsense?format=car")
            self.edge.car(car.text(car.cid(car.RAW, b"missing")))
        # Fetches that others read along in keep their spools open for a moment.
        wait_for(lambda: self.without_l2s() == before, f"descriptors are {before} again", 5)
        for process in self.edge.processes:
            self.assertTrue(process.running())

    def without_l2s(self):
        """Descriptors of each process once no L2 is left: their idle connections are theirs."""
        for l2 in self.l2s:
            l2.stop()
        return self.edge.idle_descriptors()


class Memory(EdgeTest):
    """A client that reads slowly costs the edge buffers, not the CAR."""

    def test_a_slow_client_bounds_rss_and_disturbs_nobody(self):
        edge = Edge(self.world, patient=True)
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
