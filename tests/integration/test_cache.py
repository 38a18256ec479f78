"""What was proven once is served from disk: by every worker, without an L2, within the limit."""

import json
import os
import threading
import time

from harness import Connection, Edge, EdgeTest, binary, car, curl, free_port, wait_for

ROUNDS = int(os.environ.get("DAPHNIS_KILL_ROUNDS", "10"))


class CacheTest(EdgeTest):
    def edge_with(self, limit="1G", *flags, **options):
        self.folder = self.world.subfolder("cache")
        self.edge = Edge(self.world, patient=True, broker_flags=[
            "--cache-dir", self.folder, "--cache-limit", limit, *flags], **options)
        return self.edge

    def store_of(self, cars):
        store = self.world.subfolder("store")
        for number, body in enumerate(cars):
            (store / f"{number}.car").write_bytes(body)
        return store

    def files(self):
        """{name: bytes} of what the cache holds."""
        return {p.name: p.stat().st_size for p in (self.folder / "objects").rglob("*")
                if p.is_file()}

    def used(self):
        """Bytes of all files below the folder but the index."""
        return sum(p.stat().st_size for p in self.folder.rglob("*")
                   if p.is_file() and p.name not in ("index", "lock"))

    def entries(self):
        return [json.loads(line) for line in self.edge.admin("/cache").body.splitlines() if line]

    def fill(self, root, pairs, query=""):
        """Fetches it and waits until it is kept."""
        before = len(self.entries())
        response = self.edge.car(root, query)
        self.assert_car(response, pairs)
        self.assertEqual("MISS", response.headers["x-cache"])
        wait_for(lambda: len(self.entries()) > before, f"{root} is kept")
        return response

    def assert_hit(self, response, pairs):
        self.assert_car(response, pairs)
        self.assertEqual("HIT", response.headers["x-cache"], response.headers)
        self.assertEqual("HIT", response.headers["saturn-cache-status"])

    def restart(self):
        """The whole edge, which finds what it held."""
        for process in (*self.edge.workers, self.edge.broker):
            process.stop()
        self.begin_again()

    def begin_again(self):
        count = len(self.edge.workers)
        self.edge.start_broker()
        for index in range(count):
            self.edge.start_worker(index)
        self.edge.wait_ready()


class Hits(CacheTest):
    def setUp(self):
        self.root, self.body, self.pairs = car.file_car(car.numbered("hits", 3 << 20))
        self.small_root, small, self.small_pairs = car.file_car(car.numbered("small", 9000))
        self.edge_with()
        self.l2 = self.edge.l2(self.store_of([self.body, small]), "home")
        self.fill(self.root, self.pairs)
        self.fill(self.small_root, self.small_pairs)
        self.l2.stop()
        self.edge.wait_l2_gone("home")

    def test_every_worker_serves_it_without_an_l2(self):
        for _ in range(12):
            for root, pairs in ((self.root, self.pairs), (self.small_root, self.small_pairs)):
                response = self.edge.car(root)
                self.assert_hit(response, pairs)
                self.assertEqual(str(len(response.body)), response.headers["content-length"])
                self.assertLess(int(response.headers["age"]), 60)
        self.edge.wait_stats(lambda row: row["cache"]["hits"] >= 1, "hits are counted")

    def test_head_conditions_and_only_if_cached_are_answered_from_it(self):
        whole = self.edge.car(self.root)
        head = self.edge.car(self.root, method="HEAD")
        self.assertEqual(200, head.status)
        self.assertEqual(whole.headers["content-length"], head.headers["content-length"])
        same = self.edge.car(self.root, headers={"If-None-Match": whole.headers["etag"]})
        self.assertEqual(304, same.status)
        cached = self.edge.car(self.root, headers={"Cache-Control": "only-if-cached"})
        self.assert_hit(cached, self.pairs)

    def test_pipelined_hits_of_all_sizes_come_in_order(self):
        with Connection(self.edge.client_port) as client:
            wanted = [(self.root, self.pairs), (self.small_root, self.small_pairs)] * 4
            for root, _ in wanted:
                client.request(f"/ipfs/{root}?format=car")
            for _, pairs in wanted:
                self.assert_hit(client.response(), pairs)

    def test_parts_of_a_cached_dag_need_no_l2(self):
        root_block = self.edge.get(f"/ipfs/{self.root}?format=raw")
        self.assertEqual((200, self.pairs[0][1]), (root_block.status, root_block.body))
        self.assertEqual("HIT", root_block.headers["x-cache"])
        block = self.edge.car(self.root, "&dag-scope=block")
        self.assert_hit(block, self.pairs[:1])
        start = 256 * 1024
        part = self.edge.car(self.root, f"&dag-scope=entity&entity-bytes={start}:{start + 9}")
        self.assert_hit(part, [self.pairs[0], self.pairs[2]])

    def test_they_are_there_after_a_restart(self):
        self.restart()
        self.assert_hit(self.edge.car(self.root), self.pairs)
        (self.folder / "index").write_bytes(b"no snapshot of ours")
        for process in (*self.edge.workers, self.edge.broker):
            process.kill()
        self.begin_again()
        wait_for(lambda: len(self.entries()) == 2, "both are found by the scan")
        self.assert_hit(self.edge.car(self.root), self.pairs)

    def test_hits_go_on_while_the_broker_is_away(self):
        self.edge.broker.kill()
        for _ in range(6):
            self.assert_hit(self.edge.car(self.small_root), self.small_pairs)
        self.edge.start_broker()
        self.edge.wait_ready()
        self.assert_hit(self.edge.car(self.root), self.pairs)

    def test_a_second_edge_on_the_folder_is_refused(self):
        second = self.world.start("second", [
            binary("daphnis-broker"), "--socket", self.world.folder / "second.sock", "--l2-listen",
            f"127.0.0.1:{free_port()}", "--admin-listen", f"127.0.0.1:{free_port()}",
            "--cache-dir", self.folder])
        self.assertNotEqual(0, second.wait(5))
        self.assertIn(str(self.folder), second.text())


class Operator(CacheTest):
    def setUp(self):
        self.cars = [car.file_car(car.numbered(f"operator-{n}", 300_000)) for n in range(6)]
        self.edge_with()
        self.edge.l2(self.store_of([body for _, body, _ in self.cars]), "home")

    def post(self, path, body=""):
        with Connection(self.edge.admin_port) as admin:
            admin.send(f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
                       f"Content-Length: {len(body)}\r\n\r\n{body}")
            return admin.response()

    def fill_all(self):
        for root, _, pairs in self.cars:
            self.fill(root, pairs)

    def test_entries_are_listed(self):
        self.fill_all()
        rows = self.entries()
        self.assertEqual({root for root, _, _ in self.cars}, {row["root"] for row in rows})
        for row in rows:
            self.assertGreater(row["size"], 300_000)

    def test_one_cid_is_purged_in_either_version(self):
        self.fill_all()
        root, _, pairs = self.cars[0]
        twin = car.text(car.from_text(root)[2:])
        self.assertTrue(twin.startswith("Qm"))
        done = self.post(f"/cache/purge?cid={twin}")
        self.assertEqual(200, done.status, done)
        wait_for(lambda: len(self.files()) == 5, "its file is gone")
        again = self.edge.car(root)
        self.assert_car(again, pairs)
        self.assertEqual("MISS", again.headers["x-cache"])

    def test_all_is_purged(self):
        self.fill_all()
        self.assertEqual(200, self.post("/cache/purge?all=1").status)
        wait_for(lambda: not self.files(), "all files are gone")
        self.assertEqual([], self.entries())
        self.edge.wait_stats(lambda row: row["cache"]["used_bytes"] == 0, "nothing is charged")

    def test_a_list_of_cids_is_warmed(self):
        body = "".join(root + "\n" for root, _, _ in self.cars)
        done = self.post("/cache/warm", body)
        self.assertEqual(200, done.status, done)
        wait_for(lambda: len(self.entries()) == 6, "all are kept")
        for root, _, pairs in self.cars:
            self.assert_hit(self.edge.car(root), pairs)

    def test_the_limit_is_changed_live(self):
        self.fill_all()
        self.assertEqual(200, self.post("/cache/limit?bytes=1M").status)
        wait_for(lambda: self.used() <= 1 << 20, "the files fit")
        self.assertGreater(len(self.entries()), 0)

    def test_nonsense_is_refused(self):
        for path in ("/cache/purge", "/cache/purge?cid=nonsense", "/cache/limit?bytes=much"):
            self.assertEqual(400, self.post(path).status, path)


class Limit(CacheTest):
    def test_the_limit_holds_at_every_moment(self):
        limit = 48 << 20  # Some steps of what a spool reserves.
        cars = [car.file_car(car.numbered(f"limit-{n}", 3_000_000)) for n in range(24)]
        self.edge_with("48M")
        self.edge.l2(self.store_of([body for _, body, _ in cars]), "home", "--capacity", "16")
        most, stop = [0], threading.Event()

        def watch():
            while not stop.is_set():
                try:
                    most[0] = max(most[0], self.used())
                except FileNotFoundError:
                    pass  # It went while we looked.
        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            for _ in range(3):
                for root, _, pairs in cars:
                    self.assert_car(self.edge.car(root), pairs)
        finally:
            stop.set()
            watcher.join()
        self.assertLessEqual(most[0], limit)
        self.assertGreater(most[0], limit // 2)


class Kill(CacheTest):
    """kill -9 of worker, broker or both while the cache is written. DAPHNIS_KILL_ROUNDS says how
    often; the long campaign is 200."""

    def test_no_wrong_byte_no_stray_and_the_limit_holds(self):
        limit = 24 << 20
        cars = [car.file_car(car.numbered(f"kill-{n}", 700_000 + 311_111 * n)) for n in range(10)]
        self.edge_with("24M")
        store = self.store_of([body for _, body, _ in cars])
        self.start_l2 = lambda: self.edge.start_l2(store, "home", "--capacity", "64")
        self.l2 = self.start_l2()
        want = {root: body for root, body, _ in cars}
        wrong, whole, stop = [], [0], threading.Event()

        def fetch(first):
            number = first
            while not stop.is_set():
                root = cars[number % len(cars)][0]
                code, body = curl(self.edge.url(f"/ipfs/{root}?format=car"), "--fail")
                if code == 0:
                    whole[0] += 1
                    if body != want[root]:
                        wrong.append((root, len(body)))
                else:
                    stop.wait(0.02)
                number += 7
        clients = [threading.Thread(target=fetch, args=(n,)) for n in range(4)]
        for client in clients:
            client.start()
        try:
            for number in range(ROUNDS):
                self.post_purge(number)
                time.sleep(0.05 + 0.037 * (number * 7 % 11))  # A moment as good as any other.
                self.kill(number)
                self.assertEqual([], wrong)
        finally:
            stop.set()
            for client in clients:
                client.join()
        self.assertGreater(whole[0], ROUNDS)
        self.assertEqual([], wrong)
        self.check_folder(want, limit)

    def post_purge(self, number):
        """Now and then, so that there is something to write."""
        if number % 2 == 0:
            try:
                with Connection(self.edge.admin_port, 5) as admin:
                    admin.send("POST /cache/purge?all=1 HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                               "Content-Length: 0\r\n\r\n")
                    admin.response()
            except OSError:
                pass

    def kill(self, number):
        victim = number % 3
        if victim != 1:
            self.edge.workers[number % 2].kill()
        if victim != 0:
            self.edge.broker.kill()
            self.edge.start_broker()
            # A broker that is killed again and again is one that an L2 soon stops trusting.
            self.l2.kill()
            self.l2 = self.start_l2()
        if victim != 1:
            self.edge.start_worker(number % 2)
        self.edge.wait_ready(20)
        self.edge.wait_l2("home", 20)

    def check_folder(self, want, limit):
        self.edge.settle()
        self.assertLessEqual(self.used(), limit)
        self.restart()
        wait_for(lambda: not any((self.folder / "tmp").iterdir()), "no stray is left", 60)
        wait_for(lambda: len(self.entries()) == len(self.files()), "the books are right", 20)
        bodies = set(want.values())
        for path in (self.folder / "objects").rglob("*"):
            if path.is_file():
                data = path.read_bytes()
                self.assertTrue(any(data.startswith(body) for body in bodies), path)
        self.assertLessEqual(self.used(), limit)
        self.assertEqual([], [p for p in (self.folder / "quarantine").iterdir()])


if __name__ == "__main__":
    import unittest
    unittest.main()
