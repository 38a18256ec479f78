"""What may not be served: lists of contents and paths, in the files that other IPFS software reads."""

import hashlib
import signal
import subprocess
import threading

from harness import Edge, EdgeTest, car, sends, wait_for
from harness.process import binary

LEAF = 64 * 1024


def base58(raw):
    """As car.text() spells a multihash."""
    return car.text(b"\x12\x20" + raw)


def name(cid):
    """The multihash of a CID, as a list names it."""
    return base58(car.split_cid(cid)[3])


def double_hashed(text):
    return "//" + base58(hashlib.sha256(text.encode()).digest())


def anchor(text):
    """As badbits writes it."""
    return "//" + hashlib.sha256(text.encode()).hexdigest()


class Denied(EdgeTest):
    def list_of(self, *lines):
        self.file.write_text("".join(f"{line}\n" for line in lines))

    def begin_edge(self, *lines, cache=False, **options):
        """An edge with one list and one L2, which has what was added by content()."""
        self.file = self.world.folder / "list.deny"
        self.list_of(*lines)
        flags = ["--denylist", self.file]
        if cache:
            flags += ["--cache-dir", self.world.subfolder("cache")]
        self.edge = Edge(self.world, patient=True, broker_flags=flags, **options)
        self.home = self.edge.fake("home", sends(b""))

    def content(self, seed, leaves=1):
        """Content that the L2 has from now on: (root as text, [(cid, data)])."""
        root, body, pairs = car.file_car(car.numbered(seed, leaves * LEAF), LEAF)
        bodies = getattr(self.home, "bodies", {})
        bodies[root] = body
        self.home.bodies = bodies
        self.home.answer = lambda l2, order: sends(bodies[order["root"]])(l2, order)
        self.assertEqual(200, self.home.announce(add=[root]).status)
        return root, pairs

    def reload(self, *lines):
        taken = self.edge.broker.text().count("event=denylist_")
        self.list_of(*lines)
        self.edge.broker.signal(signal.SIGHUP)
        wait_for(lambda: self.edge.broker.text().count("event=denylist_") > taken,
                 "the list is read anew")
        wait_for(lambda: self.edge.metrics()["daphnis_denylist_workers_behind"] == 0,
                 "all workers have it")

    def metric(self, key):
        return self.edge.metrics()[f"daphnis_{key}"]

    def assert_denied(self, path, status=410, **options):
        answer = self.edge.get(path, **options)
        self.assertEqual(status, answer.status, path)
        if options.get("method") != "HEAD":
            self.assertIn({410: b'"denied"', 451: b'"denied_legally"'}[status], answer.body)
        self.assertEqual("no-store", answer.headers["cache-control"])
        return answer

    def denied_requests(self):
        metrics = self.edge.metrics()
        return [metrics[f'daphnis_worker_requests_denied_total{{status="{status}"}}']
                for status in (410, 451)]

    def wait_denied(self, *counts):
        wait_for(lambda: self.denied_requests() == list(counts), f"{counts} requests are counted")


class Requests(Denied):
    def test_each_form_of_a_rule_on_each_format(self):
        roots = [car.file_car(car.numbered(f"form {n}", 1000))[2][0][0] for n in range(6)]
        texts = [car.text(root) for root in roots]
        self.begin_edge("version: 1", "hints:", "  gateway_status: 410", "---",
                        f"/ipfs/{texts[0]}", double_hashed(name(roots[1])), anchor(texts[2] + "/"),
                        f"/ipfs/{texts[3]}/*", f"!/ipfs/{texts[3]}/fine",
                        f"/ipfs/{texts[4]} gateway_status:451", "/ipns/domain.example",
                        f"/ipfs/{texts[5]}/bad%20name")
        asked = 0
        for text, root, status in zip(texts[:5], roots, (410, 410, 410, 410, 451)):
            other = car.text(bytes([1, car.DAG_PB]) + root[2:])  # The same multihash.
            for path, options in (
                    (f"/ipfs/{text}?format=car", {}), (f"/ipfs/{text}?format=raw", {}),
                    (f"/ipfs/{other}?format=raw", {}),
                    (f"/ipfs/{text}?format=car&dag-scope=block", {}),
                    (f"/ipfs/{text}?format=car&dag-scope=entity&entity-bytes=0:9", {}),
                    (f"/ipfs/{text}/a/path?format=car", {}),
                    (f"/ipfs/{text}?format=car", {"method": "HEAD"}),
                    (f"/ipfs/{text}?format=car", {"headers": [("If-None-Match", "*")]}),
                    (f"/ipfs/{text}?format=raw", {"headers": [("Cache-Control", "only-if-cached")]}),
                    (f"/ipfs/{text}?format=raw", {"headers": [("Range", "bytes=0-3")]})):
                self.assert_denied(path, status, **options)
                asked += 1
        self.assert_denied(f"/ipfs/{texts[5]}/bad%20name?format=car")
        for path in (f"{texts[5]}/good", texts[5], f"{texts[3]}/fine"):
            self.assertNotIn(self.edge.get(f"/ipfs/{path}?format=car").status, (410, 451), path)
        self.wait_denied(asked - asked // 5 + 1, asked // 5)
        self.assertEqual(7, self.metric("denylist_rules"))
        # One line of the log for each rule, however often it was asked for.
        lines = [line for line in self.edge.broker.text().splitlines() if "content_denied" in line]
        self.assertEqual(6, len(lines), lines)
        self.assertIn(f'rule={self.file}:5 status=410 root={texts[0]}', lines[0])

    def test_what_is_denied_costs_no_order(self):
        self.begin_edge()
        root, pairs = self.content("order")
        self.assert_car(self.edge.car(root), pairs)
        self.reload(f"/ipfs/{root}")
        self.assert_denied(f"/ipfs/{root}?format=car")
        self.assertEqual(1, self.metric("attempts_total"))
        self.reload(f"/ipfs/{root}", f"!/ipfs/{root}")
        self.assert_car(self.edge.car(root), pairs)


class Blocks(Denied):
    def test_a_denied_block_ends_the_answer_and_is_remembered(self):
        self.begin_edge()
        root, pairs = self.content("inner", leaves=8)
        bad = car.text(pairs[4][0])
        self.reload(f"/ipfs/{bad}")
        first = self.edge.car(root)
        if first.status == 200:
            self.assertFalse(first.complete, "it is cut")
            self.assertNotIn(pairs[4][1], first.body)
        else:
            self.assertEqual(410, first.status)
        self.edge.settle()
        self.assert_denied(f"/ipfs/{root}?format=car")
        metrics = self.edge.metrics()
        self.assertEqual(1, metrics["daphnis_attempts_total"], "nobody else is asked")
        self.assertEqual(1, metrics["daphnis_denied_blocks_total"])
        self.assertEqual(1, metrics["daphnis_denied_again_total"])
        # The L2 did its part.
        self.assertEqual(410, self.home.wait_results(1).status)
        row = self.edge.l2s()["home"]
        self.assertEqual("idle", row["state"], row)
        self.assertEqual(0, metrics["daphnis_verify_failures_total"])

    def test_an_answer_under_way_is_cut_when_its_root_is_denied(self):
        self.begin_edge()
        root, body, _ = car.file_car(car.numbered("under way", 40 * LEAF), LEAF)
        begun = threading.Event()

        def stands_still(l2, order):
            upload = l2.upload(order)
            upload.send(body[:len(body) // 2])
            begun.set()
            l2.results.append(upload.answer())
        self.home.answer = stands_still
        self.assertEqual(200, self.home.announce(add=[root]).status)
        answers = []
        client = threading.Thread(target=lambda: answers.append(self.edge.car(root)), daemon=True)
        client.start()
        self.assertTrue(begun.wait(10))
        wait_for(lambda: self.metric("fetches_in_flight") == 1, "it is fetched")
        self.reload(f"/ipfs/{root}")
        client.join(20)
        self.assertTrue(answers, "the client is told")
        if answers[0].status == 200:
            self.assertFalse(answers[0].complete)
        else:
            self.assertEqual(410, answers[0].status)
        self.assertEqual(410, self.home.wait_results(1).status)


class Cached(Denied):
    def cached(self, seed, leaves):
        """Content that is in the cache: (root as text, [(cid, data)])."""
        before = self.metric("cache_entries")
        root, pairs = self.content(seed, leaves)
        self.assert_car(self.edge.car(root), pairs)
        wait_for(lambda: self.metric("cache_entries") == before + 1, "the file is kept")
        return root, pairs

    def wait_swept(self, result):
        """Of any broker so far: all write to one log."""
        wait_for(lambda: f"event=cache_swept {result}" in self.edge.broker.text(), result)

    def hit(self, root, pairs):
        answer = self.edge.car(root)
        self.assert_car(answer, pairs)
        self.assertEqual("HIT", answer.headers["x-cache"])

    def test_a_reload_takes_denied_files_out_of_the_cache(self):
        self.begin_edge(cache=True)
        by_root, by_leaf = self.cached("by root", 3), self.cached("by leaf", 3)
        good = self.cached("good", 3)
        for one in (by_root, by_leaf, good):
            self.hit(*one)
        self.reload(f"/ipfs/{by_root[0]}", double_hashed(name(by_leaf[1][2][0])))
        self.assert_denied(f"/ipfs/{by_root[0]}?format=car")
        self.assert_denied(f"/ipfs/{by_leaf[0]}?format=car")
        self.hit(*good)
        wait_for(lambda: self.metric("cache_entries") == 1, "both files are gone")
        wait_for(lambda: self.metric("denylist_cache_swept") == 1, "the cache was looked through")
        self.hit(*good)
        self.assertEqual(2, self.metric("cache_denied_total"))

    def test_files_of_before_a_start_are_judged(self):
        self.begin_edge(cache=True)
        bad, good = self.cached("bad", 3), self.cached("good", 3)
        for process in (*self.edge.workers, self.edge.broker):
            process.stop()
        self.list_of(f"/ipfs/{car.text(bad[1][3][0])}")
        self.edge.start_broker()
        for index in range(len(self.edge.workers)):
            self.edge.start_worker(index)
        self.edge.wait_ready()
        wait_for(lambda: self.metric("denylist_cache_swept") == 1, "the cache was looked through")
        self.assertEqual(1, self.metric("cache_entries"))
        self.hit(*good)
        self.wait_swept("entries=1 judged=2")

        # Neither what the list has judged before nor what came since is looked at again.
        self.home = self.edge.fake("home", sends(b""))
        self.cached("since", 3)
        self.edge.broker.stop()
        self.edge.start_broker()
        self.edge.wait_ready()
        self.wait_swept("entries=2 judged=0")


class Files(Denied):
    def broker(self, *arguments):
        return subprocess.run([binary("daphnis-broker"), *map(str, arguments)], text=True,
                              capture_output=True, check=False, timeout=60)

    def test_a_wrong_line_is_named_and_refused_at_the_start(self):
        bad = self.world.folder / "bad.deny"
        bad.write_text("# one\n/ipfs/nonsense\n")
        done = self.broker("--denylist", bad, "--check-config")
        self.assertEqual((2, f"daphnis-broker: {bad}:2: no CID\n"), (done.returncode, done.stderr))
        done = self.broker("--denylist", bad, "--socket", self.world.folder / "s.sock",
                           "--l2-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
        self.assertEqual(2, done.returncode, done.stderr)
        self.assertIn(f"{bad}:2: no CID", done.stderr)
        self.assertEqual(2, self.broker("--denylist", "/nothing.deny", "--check-config").returncode)

    def test_a_wrong_line_at_a_reload_changes_nothing_and_is_told(self):
        self.begin_edge()
        root, _ = self.content("kept")
        self.reload(f"/ipfs/{root}")
        self.assert_denied(f"/ipfs/{root}?format=car")
        self.reload("what is this")
        self.assertIn("event=denylist_not_taken", self.edge.broker.text())
        self.assertEqual(1, self.metric("denylists_bad_total"))
        self.assert_denied(f"/ipfs/{root}?format=car")

    def test_lists_of_several_files_and_workers_that_come_later(self):
        roots = [car.text(car.file_car(car.numbered(f"file {n}", 100))[2][0][0]) for n in range(2)]
        self.file = self.world.folder / "list.deny"
        self.list_of(f"/ipfs/{roots[0]}", f"/ipfs/{roots[1]}")
        more = self.world.folder / "more.deny"
        more.write_text(f"!/ipfs/{roots[1]}\n")
        self.edge = Edge(self.world, workers=1, patient=True,
                         broker_flags=["--denylist", self.file, "--denylist", more])
        for _ in range(2):
            self.assert_denied(f"/ipfs/{roots[0]}?format=car")
            self.assertEqual(503, self.edge.car(roots[1]).status)
            self.edge.workers[0].stop()
            self.edge.start_worker(0)
            self.edge.wait_ready()
