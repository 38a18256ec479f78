"""Each block of a cached file is a hit, for clients that ask block by block, although no L2 is there."""

import threading

from harness import Connection, Edge, EdgeTest, car, wait_for

LEAF = 256 * 1024
LEAVES = 8


class CachedBlocks(EdgeTest):
    def prepare(self, *flags):
        """An edge that fetched a file of 9 blocks as a CAR, and whose only L2 is gone."""
        self.root, body, self.pairs = car.file_car(car.numbered("blocks", LEAVES * LEAF), LEAF)
        self.assertEqual(1 + LEAVES, len(self.pairs))
        store = self.world.subfolder("store")
        (store / "file.car").write_bytes(body)
        self.edge = Edge(self.world, patient=True, broker_flags=[
            "--cache-dir", self.world.subfolder("cache"), *flags])
        l2 = self.edge.l2(store, "home")
        self.assert_car(self.edge.car(self.root), self.pairs)
        wait_for(lambda: self.edge.metrics()["daphnis_cache_entries"] == 1, "the file is kept")
        l2.stop()
        self.edge.wait_l2_gone("home")

    def wait_indexed(self):
        wait_for(lambda: self.edge.metrics()["daphnis_blocks_indexed"] == 1 + LEAVES,
                 "all blocks are known")

    def restart(self):
        for process in (*self.edge.workers, self.edge.broker):
            process.stop()
        self.edge.start_broker()
        for index in range(len(self.edge.workers)):
            self.edge.start_worker(index)
        self.edge.wait_ready()

    def raw(self, cid, **options):
        return self.edge.get(f"/ipfs/{car.text(cid)}?format=raw", **options)

    def assert_block(self, response, data):
        self.assertEqual((200, "HIT"), (response.status, response.headers.get("x-cache")), response)
        self.assertTrue(response.complete, response)
        self.assertEqual(data, response.body)
        self.assertEqual(str(len(data)), response.headers["content-length"])

    def assert_walk(self):
        for cid, data in self.pairs:
            self.assert_block(self.raw(cid), data)

    def connection_to(self, worker):
        """A client's connection that this worker has accepted."""
        def connected():
            client = Connection(self.edge.client_port)
            if self.edge.worker_of(client.socket.getsockname()[1]) is worker:
                return client
            client.close()
            return None
        return wait_for(connected, "the worker accepts a client", every=0.01)

    def test_in_the_order_of_the_walk_and_after_a_restart(self):
        self.prepare()
        self.wait_indexed()
        attempts = self.edge.metrics()["daphnis_attempts_total"]
        self.assert_walk()
        metrics = self.edge.metrics()
        self.assertEqual(attempts, metrics["daphnis_attempts_total"])
        # The root is found by the worker itself.
        self.assertEqual(LEAVES, metrics["daphnis_block_index_hits_total"])
        self.assertEqual(0, metrics["daphnis_block_index_stale_total"])
        self.restart()
        self.wait_indexed()
        self.assert_walk()

    def test_eight_at_once(self):
        self.prepare()
        self.wait_indexed()
        faults = []

        def ask(cid, data):
            try:
                self.assert_block(self.raw(cid), data)
            except AssertionError as fault:
                faults.append(fault)

        for _ in range(10):
            threads = [threading.Thread(target=ask, args=pair) for pair in self.pairs[1:]]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual([], faults)

    def test_at_each_worker(self):
        self.prepare()
        self.wait_indexed()
        for worker in self.edge.workers:
            with self.connection_to(worker) as client:
                for cid, data in self.pairs:
                    client.request(f"/ipfs/{car.text(cid)}?format=raw")
                    self.assert_block(client.response(), data)

    def test_head_ranges_cars_and_only_if_cached(self):
        self.prepare()
        self.wait_indexed()
        cid, data = self.pairs[3]
        head = self.raw(cid, method="HEAD")
        self.assertEqual((200, str(len(data)), "HIT"), (
            head.status, head.headers["content-length"], head.headers["x-cache"]))
        part = self.raw(cid, headers={"Range": "bytes=100-199"})
        self.assertEqual((206, data[100:200]), (part.status, part.body))
        for query in ("&dag-scope=block", ""):
            one = self.edge.car(car.text(cid), query)
            self.assert_car(one, [(cid, data)])
            self.assertEqual("HIT", one.headers["x-cache"])
        only = {"Cache-Control": "only-if-cached"}
        self.assert_block(self.raw(cid, headers=only), data)
        stranger = car.cid(0x55, b"nobody has this")
        self.assertEqual(412, self.raw(stranger, headers=only).status)

    def test_a_purged_file_takes_its_blocks_along(self):
        self.prepare()
        self.wait_indexed()
        self.edge.admin(f"/cache/purge?cid={self.root}", method="POST")
        self.assertEqual(0, self.edge.metrics()["daphnis_blocks_indexed"])
        self.assertEqual(503, self.raw(self.pairs[1][0]).status)  # No L2 is registered.

    def test_only_counted(self):
        self.prepare("--block-index", "observe")
        self.wait_indexed()
        self.assertEqual(503, self.raw(self.pairs[1][0]).status)
        self.assertEqual(1, self.edge.metrics()["daphnis_block_index_hits_total"])

    def test_switched_off(self):
        self.prepare("--block-index", "off")
        self.assertEqual(503, self.raw(self.pairs[1][0]).status)
        metrics = self.edge.metrics()
        self.assertEqual((0, 0), (metrics["daphnis_blocks_indexed"],
                                  metrics["daphnis_block_index_hits_total"]))
