"""The reference L2 against a scripted L1."""

import os
import signal
import threading
import time

from harness import Edge, EdgeTest, binary, car, over_tls, wait_for
from harness.edge import logfmt

from fake_l1 import FakeL1


class L2(EdgeTest):
    def store(self, **cars):
        folder = self.world.subfolder("store")
        for name, content in cars.items():
            (folder / f"{name}.car").write_bytes(content)
        return folder

    def l1(self, **options):
        if over_tls.IS_ON:
            options["context"] = over_tls.made().server_context
        fake = FakeL1(**options)
        self.world.on_close(fake.close)
        return fake

    def l2(self, l1, store, *flags, host="127.0.0.1"):
        process = self.world.start(f"l2-{l1.port}", [
            binary("daphnis-l2"), "serve", *over_tls.l1_flags(l1.port, host), "--store", store,
            *flags])
        wait_for(l1.registered, "the L2 registers")
        return process

    def answer(self, l1, root, **keys):
        name = l1.order(root, **keys)
        return wait_for(lambda: l1.post(name), "the L2 answers")

    def test_it_registers_answers_and_says_what_it_has_not(self):
        root, body, _ = car.file_car(car.numbered("l2", 3 << 20))
        l1 = self.l1()
        self.l2(l1, self.store(one=body), "--id", "home", "--capacity", "2", host="localhost")
        self.assertEqual("/register/home?v=2&capacity=2", l1.registrations[0][0])
        post = self.answer(l1, root, dagScope="all", dups="y")
        self.assertEqual(body, post.body)
        self.assertTrue(post.target.startswith(f"/data/{root}?requestId="))
        self.assertNotIn("daphnis-not-found", post.headers)
        other = car.text(car.cid(0x55, b"not here"))
        for keys, lacks in (({}, "root"), ({"dagScope": "odd"}, "1")):
            absent = self.answer(l1, root if keys else other, **keys)
            self.assertEqual((lacks, b""), (absent.headers["daphnis-not-found"], absent.body), keys)
            self.assertEqual(post.connection, absent.connection, "the connection is kept")
        proof = self.answer(l1, root, path="a/b")  # That a file has no such path, its block shows.
        self.assertNotIn("daphnis-not-found", proof.headers)
        self.assertTrue(body.startswith(proof.body) and 0 < len(proof.body) < len(body))

    def test_it_goes_on_where_another_stopped(self):
        root, body, _ = car.file_car(car.numbered("go on", 3 << 18))
        blocks = car.blocks(body)
        l1 = self.l1()
        self.l2(l1, self.store(one=body))
        post = self.answer(l1, root, skip="2", next=car.text(blocks[2][0]))
        self.assertEqual("2", post.headers["daphnis-skip"])
        self.assertEqual(blocks[2:], car.blocks(post.body))
        other = self.answer(l1, root, skip="2", next=root)
        self.assertEqual("block", other.headers["daphnis-not-found"])
        self.assertNotIn("daphnis-skip", other.headers)
        self.assertNotIn("daphnis-skip", self.answer(l1, root).headers)

    def test_its_id_is_kept(self):
        store = self.store()
        ids = []
        for _ in range(2):
            l1 = self.l1()
            self.l2(l1, store).stop()
            ids.append(l1.registrations[0][0].split("?")[0])
        self.assertEqual(ids[0], ids[1])
        self.assertEqual(len("/register/") + 36, len(ids[0]))

    def test_holdings_follow_the_folder(self):
        one, one_car, _ = car.file_car(b"one" * 1000)
        two, two_car, _ = car.file_car(b"two" * 1000)
        store = self.store(one=one_car)
        l1 = self.l1()
        self.l2(l1, store)
        wait_for(lambda: l1.holdings == {one}, "the first root is announced")
        (store / "new.tmp").write_bytes(two_car)
        os.rename(store / "new.tmp", store / "two.car")
        wait_for(lambda: l1.holdings == {one, two}, "a new file is announced")
        self.assertEqual(two_car, self.answer(l1, two).body)
        (store / "one.car").unlink()
        wait_for(lambda: l1.holdings == {two}, "a removed one is taken back")
        self.assertEqual(0, l1.strangers)
        self.assertIn("daphnis-not-found", self.answer(l1, one).headers)
        with open(store / "half.car", "wb") as half:
            half.write(one_car[:-1])
            half.flush()
            time.sleep(0.5)  # It must have been looked at for the test to mean anything.
            self.assertEqual({two}, l1.holdings)
            half.write(one_car[-1:])
        wait_for(lambda: l1.holdings == {one, two}, "a file is used once it is whole")

    def test_an_early_answer_ends_the_upload(self):
        root, body, _ = car.file_car(car.numbered("early", 32 << 20), leaf=1 << 20)
        l1 = self.l1(early=100_000)
        self.l2(l1, self.store(one=body))
        for _ in range(3):
            post = self.answer(l1, root)
            self.assertLess(len(post.body), 16 << 20)

    def test_no_more_than_its_capacity_at_once(self):
        root, body, _ = car.file_car(car.numbered("capacity", 32 << 20), leaf=1 << 20)
        gate = threading.Event()
        l1 = self.l1(gate=gate)
        self.l2(l1, self.store(one=body), "--capacity", "2")
        names = [l1.order(root) for _ in range(6)]
        wait_for(lambda: len(l1.begun) == 2, "two answers begin")
        late = l1.order(root, deadlineMs=1)
        time.sleep(0.3)
        self.assertEqual(2, len(l1.begun))
        gate.set()
        for name in names:
            self.assertEqual(body, wait_for(lambda: l1.post(name), "all are answered").body)
        self.assert_not_delivered(wait_for(lambda: l1.post(late), "nobody waits for that"))

    def assert_not_delivered(self, post):
        self.assertEqual(("1", b""), (post.headers.get("daphnis-cancelled"), post.body))

    def test_a_cancelled_order_that_waits_is_not_delivered(self):
        root, body, _ = car.file_car(car.numbered("cancel", 1 << 20))
        gate = threading.Event()
        l1 = self.l1(gate=gate)
        self.l2(l1, self.store(one=body), "--capacity", "1")
        first = l1.order(root)
        wait_for(lambda: len(l1.begun) == 1, "an answer begins")
        second = l1.order(root)
        l1.cancel(second)
        wait_for(lambda: len(l1.begun) == 2, "the cancel is answered although no place is free")
        gate.set()
        self.assert_not_delivered(wait_for(lambda: l1.post(second), "it is answered"))
        self.assertEqual(body, wait_for(lambda: l1.post(first), "the other is delivered").body)

    def test_it_comes_back_and_obeys_retry_after(self):
        refusal = b"HTTP/1.1 503 Busy\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n"
        l1 = self.l1(refuse=[refusal])
        self.l2(l1, self.store())
        first, second = (when for _, when in l1.registrations)
        self.assertGreaterEqual(second - first, 2)
        l1.drop_registration()
        wait_for(l1.registered, "it registers again", 5)

    def test_it_says_why_an_l1_does_not_take_it_and_what_to_do(self):
        body = b'{"code":"full","detail":"this L1 has as many L2s as it takes"}\n'
        refusal = (b"HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: %d\r\n\r\n" % len(body)
                   + body)
        l1 = self.l1(refuse=[refusal])
        text = self.l2(l1, self.store()).text()
        for part in ("level=warn", "event=registration_failed", "status=503 code=full",
                     "why=\"this L1 has as many L2s as it takes\"", "name another one with --l1"):
            self.assertIn(part, text)

    def test_two_l2s_on_one_store_are_refused(self):
        store = self.store()
        l1 = self.l1()
        self.l2(l1, store)
        other = self.world.start("other", [
            binary("daphnis-l2"), "serve", *over_tls.l1_flags(l1.port), "--store", store, "--id", "other"])
        self.assertEqual(1, other.wait(10))
        self.assertIn("another daphnis-l2 serves the store", other.text())

    def test_two_nodes_of_one_id_are_told_so_on_both_sides(self):
        edge = Edge(self.world, workers=1)
        stores = [self.world.subfolder(name) for name in ("here", "there")]
        nodes = []
        for store in stores:
            nodes.append(self.world.start(store.name, [
                binary("daphnis-l2"), "serve", *over_tls.l1_flags(edge.l2_port),
                "--store", store, "--id", "twin"]))
            wait_for(lambda node=nodes[-1]: "event=registered" in node.text(), "it registers")
        wait_for(lambda: "another node uses this id" in nodes[0].text(), "the loser says it")
        line = next(line for line in nodes[0].text().splitlines() if "another node" in line)
        self.assertIn("why=\"replaced by a newer connection\"", line)
        self.assertGreaterEqual(int(logfmt(line)["retry_in_ms"]), 10_000)
        wait_for(lambda: "another node uses this id" in nodes[1].text(), "and so does the other",
                 40)
        wait_for(lambda: any("level=warn" in line and "l2=twin" in line
                             for line in edge.broker.text().splitlines()), "the broker too")

    def test_a_client_port_is_called_one(self):
        edge = Edge(self.world, workers=1)
        node = self.world.start("lost", [
            binary("daphnis-l2"), "serve", *over_tls.l1_flags(edge.client_port),
            "--store", self.store()])
        wait_for(lambda: "is this its client port?" in node.text(), "it says what is wrong")
        self.assertIn("code=unknown_path", node.text())

    def test_an_upload_outlives_the_registration(self):
        root, body, _ = car.file_car(car.numbered("outlives", 32 << 20), leaf=1 << 20)
        gate = threading.Event()
        l1 = self.l1(gate=gate)
        self.l2(l1, self.store(one=body))
        name = l1.order(root)
        wait_for(lambda: l1.begun, "the answer begins")
        l1.drop_registration()
        wait_for(l1.registered, "it registers again", 5)
        gate.set()
        self.assertEqual(body, wait_for(lambda: l1.post(name), "the upload ends").body)

    def test_a_kept_connection_that_the_l1_closed_costs_nothing(self):
        root, body, _ = car.file_car(b"kept" * 1000)
        l1 = self.l1()
        self.l2(l1, self.store(one=body))
        for _ in range(20):
            self.assertEqual(body, self.answer(l1, root).body)
            l1.drop_connections()

    def test_a_block_damaged_on_disk_is_never_sent(self):
        content = car.numbered("damaged", 8 << 20)
        root, body, pairs = car.file_car(content, leaf=1 << 20)
        damaged = bytearray(body)
        damaged[-1] ^= 1
        l1 = self.l1()
        self.l2(l1, self.store(one=bytes(damaged)))
        post = self.answer(l1, root)
        self.assertFalse(post.whole)
        self.assertNotIn("daphnis-not-found", post.headers)

    def test_leaving_lets_answers_end(self):
        root, body, _ = car.file_car(car.numbered("leaving", 32 << 20), leaf=1 << 20)
        gate = threading.Event()
        l1 = self.l1(gate=gate)
        l2 = self.l2(l1, self.store(one=body))
        name = l1.order(root)
        wait_for(lambda: l1.begun, "the answer begins")
        l2.signal(signal.SIGTERM)
        wait_for(lambda: "event=stopping" in l2.text(), "it is stopping")
        gate.set()
        self.assertEqual(body, wait_for(lambda: l1.post(name), "the upload ends").body)
        wait_for(lambda: not l2.running(), "it ends")

    def test_the_deployed_protocol(self):
        root, body, _ = car.file_car(bytes(3 << 18))  # Three equal leaves: sent once.
        l1 = self.l1()
        self.l2(l1, self.store(one=body), "--id", "old", "--legacy")
        self.assertEqual("/register/old", l1.registrations[0][0])
        post = self.answer(l1, root, dups="y", dagScope="block", skip=1)
        self.assertEqual(2, len(car.blocks(post.body)))
        self.assertNotIn("daphnis-skip", post.headers)
        absent = self.answer(l1, car.text(car.cid(0x55, b"not here")))
        self.assertFalse(absent.whole)
        self.assertNotIn("daphnis-not-found", absent.headers)
        self.assertEqual(set(), l1.holdings)
