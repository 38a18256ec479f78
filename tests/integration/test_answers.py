"""What an L2 may answer, and what the edge says to it and to the client."""

import itertools
import json
import threading
import time
import uuid

from harness import Connection, Edge, EdgeTest, car, not_found, sends, silent, wait_for


class Answers(EdgeTest):
    """One L2 at a time; each test brings and removes its own."""

    @classmethod
    def begin(cls, world):
        cls.edge = Edge(world)

    def setUp(self):
        self.fakes = []
        # Of its own: what a test before has just fetched may still be joined.
        self.root, self.body, self.pairs = car.file_car(car.numbered(self.id(), 900_000))
        self.small, self.small_body, self.small_pairs = car.file_car(
            car.numbered(self.id() + "-s", 3000))

    def tearDown(self):
        for fake in self.fakes:
            fake.close()
            self.edge.wait_l2_gone(fake.id)
        super().tearDown()

    def fake(self, l2_id, answer, **options):
        self.fakes.append(self.edge.fake(l2_id, answer, **options))
        return self.fakes[-1]

    def test_expect_100_continue_is_honoured(self):
        seen = []

        def answer(l2, order):
            upload = l2.upload(order, [("Expect", "100-continue")], method="PUT")
            interim = upload.connection.read_until(b"\r\n\r\n")
            seen.append(interim)
            upload.send(self.body)
            l2.results.append(upload.finish())
        fake = self.fake("expect", answer)
        self.assert_car(self.edge.car(self.root), self.pairs)
        self.assertTrue(seen[0].startswith(b"HTTP/1.1 100 "), seen)
        self.assertEqual(200, fake.wait_results(1).status)

    def test_a_body_by_content_length_and_one_by_chunks_of_one_byte(self):
        fake = self.fake("framing", lambda l2, order: l2.post(
            order, self.body, headers=[("Content-Length", len(self.body))]))
        self.assert_car(self.edge.car(self.root), self.pairs)

        def bytewise(l2, order):
            upload = l2.upload(order)
            upload.connection.send(b"".join(b"1\r\n%c\r\n" % b for b in self.small_body))
            l2.results.append(upload.finish())
        fake.answer = bytewise
        self.assert_car(self.edge.car(self.small), self.small_pairs)
        self.assertEqual(200, fake.wait_results(2).status)

    def test_a_post_that_arrives_byte_by_byte(self):
        def answer(l2, order):
            connection = Connection(l2.port)
            head = (f"POST {l2.target(order)} HTTP/1.1\r\nHost: x\r\n"
                    f"Content-Length: {len(self.small_body)}\r\n\r\n").encode()
            connection.send_slowly(head + self.small_body)
            l2.results.append(connection.response())
        fake = self.fake("bytes", answer)
        self.assert_car(self.edge.car(self.small), self.small_pairs)
        self.assertEqual(200, fake.wait_results(1).status)

    def test_head_and_whole_body_in_one_segment(self):
        def answer(l2, order):
            connection = Connection(l2.port)
            connection.send(f"POST {l2.target(order)} HTTP/1.1\r\nHost: x\r\nContent-Length: "
                            f"{len(self.small_body)}\r\n\r\n".encode() + self.small_body)
            l2.results.append(connection.response())
        fake = self.fake("segment", answer)
        self.assert_car(self.edge.car(self.small), self.small_pairs)
        self.assertEqual(200, fake.wait_results(1).status)

    def test_a_second_post_pipelined_behind_the_first_body(self):
        """Both orders are out; one connection answers both, in one write."""
        orders, both = [], threading.Event()
        lock = threading.Lock()

        def answer(l2, order):
            with lock:
                orders.append(order)
                if len(orders) < 2:
                    return
            bodies = {self.small: self.small_body, other: other_body}
            connection = Connection(l2.port)
            connection.send(b"".join(
                f"POST {l2.target(o)} HTTP/1.1\r\nHost: x\r\nContent-Length: "
                f"{len(bodies[o['root']])}\r\n\r\n".encode() + bodies[o["root"]] for o in orders))
            l2.results += [connection.response(), connection.response()]
            both.set()
        other, other_body, other_pairs = car.file_car(car.numbered("pipelined", 4000))
        fake = self.fake("pipelined", answer)
        got = {}
        threads = [threading.Thread(target=lambda r=root: got.update({r: self.edge.car(r)}))
                   for root in (self.small, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        self.assert_car(got[self.small], self.small_pairs)
        self.assert_car(got[other], other_pairs)
        self.assertTrue(both.wait(5))
        self.assertEqual([200, 200], [r.status for r in fake.results])

    def test_keep_alive_carries_one_answer_after_another(self):
        connections = []

        def answer(l2, order):
            if not connections:
                connections.append(Connection(l2.port))
            connections[0].send(f"POST {l2.target(order)} HTTP/1.1\r\nHost: x\r\nContent-Length: "
                                f"{len(self.body)}\r\n\r\n".encode() + self.body)
            l2.results.append(connections[0].response())
        fake = self.fake("keepalive", answer)
        for _ in range(5):
            self.assert_car(self.edge.car(self.root), self.pairs)
            self.assertEqual(200, fake.wait_results(len(fake.orders)).status)
        connections[0].close()

    def test_unknown_twice_and_wrong_root(self):
        fake = self.fake("twice", sends(self.small_body))
        self.assert_car(self.edge.car(self.small), self.small_pairs)
        order = fake.wait_orders(1)
        self.assertEqual(200, fake.wait_results(1).status)
        wait_for(lambda: fake.post(order, self.small_body).status == 409, "answered already: 409")
        unknown = {"root": self.small, "requestId": str(uuid.uuid4())}
        self.assertEqual(404, fake.post(unknown, self.small_body).status)
        self.assertEqual(400, fake.post({**order, "requestId": "no-uuid"}, b"x").status)
        self.assertEqual(400, fake.post({**unknown, "root": "no-cid"}, b"x").status)

        def wrong_root(l2, o):
            l2.post(o, self.small_body, target=l2.target(o, root=self.root))
            l2.post(o, self.small_body)
        fake.answer, known = wrong_root, len(fake.results)
        self.assert_car(self.edge.car(self.small), self.small_pairs)
        fake.wait_results(known + 2)
        self.assertEqual([400, 200], [r.status for r in fake.results[-2:]])

    def test_a_late_answer_is_told_so_at_once_and_never_read_to_its_end(self):
        fake = self.fake("late", silent)
        self.assertEqual(504, self.edge.car(self.root).status)
        order = fake.wait_orders(1)
        upload = fake.upload(order)
        answer = upload.answer()
        self.assertEqual(410, answer.status, answer)
        self.assertEqual("close", answer.headers.get("connection"))
        piece, sent, started = bytes(1 << 16), 0, time.monotonic()
        while upload.send(piece) and sent < 64 << 20:
            sent += len(piece)
        self.assertLess(sent, 64 << 20, "the upload is cut")
        self.assertLess(time.monotonic() - started, 10)

    def test_a_liar_is_told_422_and_the_client_502(self):
        bad = bytearray(self.small_body)
        bad[-1] ^= 1
        fake = self.fake("liar", sends(bytes(bad)))
        response = self.edge.car(self.small)
        self.assertEqual(502, response.status, response)
        self.assertEqual(422, fake.wait_results(1).status)

    def test_a_lie_in_mid_stream_never_looks_complete(self):
        bad = bytearray(self.body)
        bad[-1] ^= 1
        fake = self.fake("late-liar", sends(bytes(bad)))
        response = self.edge.car(self.root)
        self.assertEqual(200, response.status)
        self.assertFalse(response.complete)
        got = car.blocks(response.body, whole=False)
        self.assertLess(len(got), len(self.pairs))
        self.assertEqual(self.pairs[:len(got)], got)
        self.assertEqual(422, fake.wait_results(1).status)

    def test_a_client_that_leaves_ends_the_l2s_upload(self):
        ended = []

        def endless(l2, order):
            upload = l2.upload(order)
            upload.send(big_body[:1 << 20])
            started.set()
            at = 1 << 20
            while upload.send(big_body[at:at + 65536]) and at < len(big_body):
                at += 65536
                time.sleep(0.01)  # The pace of a home uplink.
            ended.append((at, upload.answer()))
        started = threading.Event()
        root, big_body, _ = car.file_car(car.numbered("leaver", 32 << 20))
        self.fake("leaver", endless)
        with Connection(self.edge.client_port) as client:
            client.request(f"/ipfs/{root}?format=car")
            client.read_until(b"\r\n\r\n")
            self.assertTrue(started.wait(5))
        wait_for(lambda: ended, "the upload is ended by an early answer", 5)
        self.assertLess(ended[0][0], len(big_body))
        self.assertIn(ended[0][1].status, (0, 410), ended)

    def test_the_first_byte_deadline_and_fail_over_to_the_next_candidate(self):
        """A holder that stays silent costs 800 ms, then the other is asked beside it."""
        quiet = self.fake("a-quiet", silent)
        quiet.announce(add=[self.small])
        good = self.fake("b-good", sends(self.small_body))
        started = time.monotonic()
        response = self.edge.car(self.small, headers={"X-Request-Id": "fail-over"})
        took = time.monotonic() - started
        self.assert_car(response, self.small_pairs)
        self.assertEqual((1, 1), (len(quiet.orders), len(good.orders)))
        self.assertGreater(took, 0.7, "the first-byte deadline is 800 ms")
        self.assertLess(took, 3)
        self.assertEqual("2", self.edge.access_line("fail-over")["attempts"])

    def test_an_abort_before_any_byte_of_a_legacy_l2_is_a_not_found_and_costs_no_try(self):
        for number in range(5):
            self.fake(f"legacy-none-{number}", not_found, legacy=True)
        response = self.edge.car(self.small)
        self.assertEqual(404, response.status, response)
        self.assertEqual([1] * 5, [len(fake.orders) for fake in self.fakes])

    def test_the_marker_of_v2_is_a_not_found_and_costs_no_try(self):
        for number in range(5):
            self.fake(f"v2-none-{number}", not_found)
        response = self.edge.car(self.small)
        self.assertEqual(404, response.status, response)
        self.assertEqual([1] * 5, [len(fake.orders) for fake in self.fakes])
        for fake in self.fakes:
            self.assertEqual(200, fake.wait_results(1).status)

    def test_a_cut_in_mid_car_never_looks_complete(self):
        def cut(l2, order):
            upload = l2.upload(order)
            upload.send(self.body[:600_000])
            upload.close()
        self.fake("cut", cut)
        response = self.edge.car(self.root)
        self.assertFalse(response.complete and response.status == 200, response)
        self.assertEqual(self.pairs[:len(car.blocks(response.body, whole=False))],
                         car.blocks(response.body, whole=False))

    def test_capacity_is_never_passed_and_what_waits_is_served(self):
        out, peak, lock = [0], [0], threading.Lock()

        def counted(l2, order):
            with lock:
                out[0] += 1
                peak[0] = max(peak[0], out[0])
            time.sleep(0.05)  # Long enough to overlap.
            with lock:
                out[0] -= 1
            l2.post(order, self.small_body)
        fake = self.fake("narrow", counted, capacity=2)
        got = []
        threads = [threading.Thread(target=lambda: got.append(self.edge.car(self.small)))
                   for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        self.assertEqual([200] * 12, [r.status for r in got])
        self.assertLessEqual(peak[0], 2)
        self.assertLessEqual(len(fake.orders), 12)


class Statuses(EdgeTest):
    """Whose fault it was, truthfully (DESIGN 2, step 9)."""

    @classmethod
    def begin(cls, world):
        cls.edge = Edge(world, workers=1)
        cls.root, cls.body, cls.pairs = car.file_car(car.numbered("statuses", 3000))
        cls.numbers = itertools.count()

    def assert_error(self, status, retry):
        response = self.edge.car(self.root)
        self.assertEqual(status, response.status, response)
        self.assertTrue(response.complete)
        self.assertTrue(response.headers["content-type"].startswith("application/json"), response)
        line = json.loads(response.body)
        self.assertTrue(line["code"], line)
        self.assertEqual(1, response.body.strip().count(b"\n") + 1)
        self.assertEqual(retry, "retry-after" in response.headers, response)
        self.assertNotIn("immutable", response.headers.get("cache-control", ""))
        return line["code"]

    def cut(self, l2, order):
        upload = l2.upload(order)
        upload.send(self.body[:100])
        upload.close()

    def with_l2s(self, answers, status, retry):
        # New ids each time: one that lied is not asked for that root again.
        fakes = [self.edge.fake(f"s{next(self.numbers)}", answer) for answer in answers]
        try:
            return self.assert_error(status, retry)
        finally:
            for fake in fakes:
                fake.close()
                self.edge.wait_l2_gone(fake.id)

    def test_each_reason_has_its_status_and_code(self):
        bad = self.body[:-1] + bytes([self.body[-1] ^ 1])
        codes = {
            "none registered": self.assert_error(503, True),
            "all silent": self.with_l2s([silent] * 3, 504, True),
            "not found": self.with_l2s([not_found] * 3, 404, False),
            "a liar": self.with_l2s([sends(bad)], 502, True),
            "a liar among silence": self.with_l2s([sends(bad), silent], 502, True),
            "silence among not-founds": self.with_l2s([silent, not_found], 504, True),
            "a cut": self.with_l2s([self.cut], 502, True),
        }
        self.assertEqual(4, len({codes[k] for k in
                                 ("none registered", "all silent", "not found", "a liar")}), codes)

    def test_all_silent_is_over_soon_after_the_last_of_three_orders(self):
        fakes = [self.edge.fake(f"q{n}", silent) for n in range(6)]
        started = time.monotonic()
        self.assertEqual(504, self.edge.car(self.root).status)
        self.assertLess(time.monotonic() - started, 6)
        self.assertEqual(3, sum(len(fake.orders) for fake in fakes), "three tries")
        for fake in fakes:
            fake.close()
