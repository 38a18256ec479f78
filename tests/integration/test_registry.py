"""Who is asked: holders first; and the rules of registering."""

import pathlib
import threading
import uuid

from harness import Connection, Edge, EdgeTest, car, curl, not_found, over_tls, sends, wait_for

FAKES = pathlib.Path(__file__).parents[1] / "fakes"


class Holders(EdgeTest):
    @classmethod
    def begin(cls, world):
        cls.edge = Edge(world, patient=True)

    def test_one_holder_among_twenty_l2s_is_found_at_the_first_attempt(self):
        roots = []
        for number in range(20):
            store = self.world.subfolder(f"store{number}")
            root, body, pairs = car.file_car(car.numbered(f"holder{number}", 300_000))
            (store / "file.car").write_bytes(body)
            roots.append((root, pairs))
        self.edge_of_20(roots)
        before = self.edge.metrics()
        for number, (root, pairs) in enumerate(roots):
            response = self.edge.car(root, headers={"X-Request-Id": f"holder-{number}"})
            self.assert_car(response, pairs)
            line = self.edge.access_line(f"holder-{number}")
            self.assertEqual("1", line["attempts"], line)
            self.assertEqual(f"home-{number}", line["l2"], line)
        after = self.edge.metrics()
        attempts = "daphnis_attempts_total"
        made = sum(v - before.get(k, 0) for k, v in after.items() if k.startswith(attempts))
        self.assertEqual(20, made, {k: v for k, v in after.items() if "attempt" in k})

    def edge_of_20(self, roots):
        for number in range(20):
            # Started together, waited for together.
            self.edge.start_l2(self.world.folder / f"store{number}", f"home-{number}")
        wait_for(lambda: all(f"home-{n}" in self.edge.l2s() for n in range(20)), "20 L2s", 20)
        wait_for(lambda: all(self.edge.l2s()[f"home-{n}"]["holdings"] for n in range(20)),
                 "all holdings are announced")

    def test_l2s_that_do_not_hold_it_are_never_asked(self):
        root, body, pairs = car.file_car(car.numbered("fake-holder", 5000))
        others = [self.edge.fake(f"other-{n}", not_found) for n in range(19)]
        holder = self.edge.fake("holder", sends(body))
        self.assertEqual(200, holder.announce(add=[root]).status)
        for _ in range(5):
            self.assert_car(self.edge.car(root), pairs)
        self.assertEqual(5, len(holder.orders))
        self.assertEqual([], [o for other in others for o in other.orders])
        self.assertEqual(403, holder.announce(remove=[root], session="").status)
        self.assertEqual(403, holder.announce(remove=[root], session="0" * 32).status)
        self.assertEqual(200, holder.announce(remove=[root]).status)

    def test_without_a_holder_the_ring_is_asked_until_one_has_it(self):
        root, body, pairs = car.file_car(car.numbered("no-holder", 5000))
        others = [self.edge.fake(f"empty-{n}", not_found) for n in range(9)]
        self.edge.fake("the-one", sends(body))
        self.assert_car(self.edge.car(root), pairs)
        self.assertLessEqual(max(len(other.orders) for other in others), 1)

    def test_a_file_put_into_the_store_later_is_served(self):
        store = self.world.subfolder("later")
        self.edge.l2(store, "later")
        root, body, pairs = car.file_car(car.numbered("later", 5000))
        self.assertEqual(404, self.edge.car(root).status)
        (store / "new.tmp").write_bytes(body)
        (store / "new.tmp").rename(store / "new.car")
        wait_for(lambda: self.edge.l2s()["later"]["holdings"] == 1, "the new file is announced", 15)
        self.assert_car(self.edge.car(root), pairs)


class Registering(EdgeTest):
    @classmethod
    def begin(cls, world):
        cls.edge = Edge(world, workers=1)

    def register(self, l2_id, query="?v=2"):
        with Connection(self.edge.l2_port) as connection:
            connection.request(f"/register/{l2_id}{query}")
            head = connection.read_until(b"\r\n\r\n").decode()
            return int(head.split()[1]), head.lower()

    def test_the_stream_is_chunked_uncached_and_beats_at_once_and_every_five_seconds(self):
        fake = self.edge.fake("beats")
        head = fake.head.decode().lower()
        self.assertIn("transfer-encoding: chunked", head)
        self.assertIn("cache-control: no-cache", head)
        wait_for(lambda: fake.beats == 1, "a heartbeat at once", 1)
        wait_for(lambda: fake.beats == 2, "a heartbeat after 5 s", 7)

    def test_order_lines_carry_what_each_generation_knows(self):
        root, body, _ = car.file_car(car.numbered("keys", 600_000))
        legacy = self.edge.fake("keys-legacy", sends(body), legacy=True)
        self.edge.car(root, "&dag-scope=all", headers={"X-Request-Id": "keys-1"})
        order = legacy.wait_orders(1)
        self.assertEqual({"requestId", "root", "cid", "traceId"}, set(order))
        self.assertEqual((root, root, "keys-1"), (order["root"], order["cid"], order["traceId"]))
        self.assertEqual(str(uuid.UUID(order["requestId"])), order["requestId"])
        self.assertEqual(4, uuid.UUID(order["requestId"]).version)
        legacy.close()
        self.edge.wait_l2_gone("keys-legacy")

        v2 = self.edge.fake("keys-v2", not_found)
        self.edge.car(root, "&dag-scope=entity&entity-bytes=5:99&car-dups=y")
        order = v2.wait_orders(1)
        self.assertEqual("entity", order["dagScope"])
        self.assertEqual("5:99", order["entityBytes"])
        self.assertEqual("y", order["dups"])
        self.assertGreater(int(order["deadlineMs"]), 0)
        v2.close()

    def test_the_same_id_again_the_newest_wins_once_per_five_seconds(self):
        root, body, pairs = car.file_car(car.numbered("twice", 5000))
        older = self.edge.fake("twice")
        newer = self.edge.fake("twice", sends(body))
        self.assertEqual((200, 200), (older.status, newer.status))
        self.assertTrue(older.ended.wait(5), "the older stream ends")
        status, head = self.register("twice")
        self.assertEqual(503, status, "a third within 5 s is refused, but never by a 4xx")
        self.assertIn("retry-after", head)
        self.assertEqual(1, len([i for i in self.edge.l2s() if i == "twice"]))
        self.assert_car(self.edge.car(root), pairs)
        self.assertEqual([], older.orders)

    def test_a_newer_l2_is_served_and_one_of_no_version_is_told_what_there_is(self):
        status, head = self.register("newer", "?v=3")
        self.assertEqual(200, status)
        self.assertIn("daphnis-version: 2", head)
        for query in ("?v=0", "?v=abc", "?v="):
            status, head = self.register("odd", query)
            self.assertEqual(503, status)
            self.assertIn("retry-after: 3600", head)

    def test_an_id_that_is_no_id_never_gets_onto_a_line(self):
        for bad in ("a" * 65, "a%20b", "a%0Ab", "a%22b", ""):
            with self.subTest(bad):
                status, _ = self.register(bad)
                self.assertNotEqual(200, status)
        self.assertEqual(200, self.register("A.b_c-9" + "z" * 57)[0])

    def test_an_l2_that_never_reads_its_stream_is_dropped(self):
        deaf = Connection(self.edge.l2_port, receive_buffer=2048)
        self.world.on_close(deaf.close)
        deaf.request("/register/deaf?v=2&capacity=256")
        self.edge.wait_l2("deaf")
        long_path = "/".join(["p" * 200] * 30)
        stop = threading.Event()
        self.world.on_close(stop.set)

        def ask():
            number = 0
            while not stop.is_set():
                number += 1
                root = car.text(car.cid(car.RAW, str(number).encode()))
                self.edge.get(f"/ipfs/{root}/{long_path}?format=car")

        threads = [threading.Thread(target=ask, daemon=True) for _ in range(16)]
        for thread in threads:
            thread.start()
        self.edge.wait_l2_gone("deaf", 40)
        stop.set()
        for thread in threads:
            thread.join(20)


class Generations(EdgeTest):
    @classmethod
    def begin(cls, world):
        cls.edge = Edge(world, workers=1, patient=True)

    def test_the_uuid_may_come_back_dashed_or_not_in_either_case(self):
        root, body, pairs = car.file_car(car.numbered("uuid", 5000))
        spell = {"dashed": str, "bare": lambda u: u.hex, "upper": lambda u: str(u).upper(),
                 "bare upper": lambda u: u.hex.upper()}
        for name, spelling in spell.items():
            for form in ("/data/{root}?requestId={id}", "/data/{root}/{id}"):
                with self.subTest(name, form=form):
                    def answer(l2, order):
                        target = form.format(root=root, id=spelling(uuid.UUID(order["requestId"])))
                        l2.post(order, body, target=target)
                    fake = self.edge.fake(f"uuid-{name.replace(' ', '-')}", answer, legacy=True)
                    self.assert_car(self.edge.car(root), pairs)
                    self.assertEqual(200, fake.wait_results(1).status)
                    fake.close()
                    self.edge.wait_l2_gone(fake.id)

    def test_the_path_may_spell_the_root_in_another_way(self):
        root, body, pairs = car.file_car(car.numbered("spelling", 600_000))
        upper = "F" + car.from_text(root).hex().upper()
        fake = self.edge.fake("spelling", lambda l2, order: l2.post(
            order, body, target=l2.target(order, root=upper)), legacy=True)
        self.assert_car(self.edge.car(root), pairs)
        fake.close()
        self.edge.wait_l2_gone(fake.id)

    def test_a_bare_post_of_garbage_neither_costs_the_l2_its_name_nor_the_client_its_answer(self):
        root, body, pairs = car.file_car(car.numbered("victim", 5000))

        def answer(l2, order):
            if len(l2.orders) == 1:  # Somebody behind the same address is faster.
                l2.post(order, b"garbage", target=f"/data/{root}")
            l2.post(order, body)

        fake = self.edge.fake("victim", answer)
        self.assertEqual(200, fake.announce(add=[root]).status)
        self.assert_car(self.edge.car(root), pairs)
        row = self.edge.l2s()["victim"]
        self.assertEqual((0, 0, 1), (row["lied"], row["failed"], row["holdings"]))
        self.assertNotEqual("suspect", row["state"])
        fake.close()
        self.edge.wait_l2_gone("victim")

    def test_an_l2_of_bash_and_curl_serves_a_car(self):
        store = self.world.subfolder("bash")
        wanted = []
        for size in (200, 3_000_000):
            root, body, pairs = car.file_car(car.numbered(f"bash{size}", size))
            (store / f"{root}.car").write_bytes(body)
            wanted.append((root, body, pairs))
        self.world.start("bash-l2", ["bash", FAKES / "bash_l2.sh",
                                     over_tls.url(self.edge.l2_port, ""), "bash-l2", store])
        self.edge.wait_l2("bash-l2")
        for root, body, pairs in wanted:
            self.assert_car(self.edge.car(root), pairs)
            code, got = curl(self.edge.url(f"/ipfs/{root}?format=car"))
            self.assertEqual((0, body), (code, got))

    def test_the_sketchs_bare_post_is_taken_when_it_can_only_mean_one_attempt(self):
        root, body, pairs = car.file_car(car.numbered("bare", 5000))
        fake = self.edge.fake("bare", lambda l2, order: l2.post(
            order, body, target=f"/data/{root}"), legacy=True)
        self.assert_car(self.edge.car(root), pairs)
        self.assertEqual(200, fake.wait_results(1).status)
        unknown = fake.post({"root": root, "requestId": ""}, body, target=f"/data/{root}")
        self.assertEqual(400, unknown.status)
        fake.close()
        self.edge.wait_l2_gone(fake.id)
