"""L2s that stall, lie or end early in mid-stream, of which no client notices anything: another goes
on from there."""

import random
import threading

from harness import car
from harness.carrying import CarryOnTest, ways

LEAF, LEAVES = 1 << 17, 64
BEGUN = 8  # Blocks that are sent before all clients are there.
# Which silence calls for another L2: none here, and that of one that stands still.
UNHURRIED_MS, SLOW_MS = 60_000, 1_000
GAP_SECONDS_MAX = 5


class Source:
    """What L2s that are asked for one file do: whoever comes first fails at block `place`, in its
    way, and each later one sends what its order asks for. Orders are kept in `orders`."""

    def __init__(self, test, fail, place):
        self.test, self.fail, self.place = test, fail, place
        self.orders, self.all_are_there = [], threading.Event()

    def __call__(self, l2, order):
        self.orders.append(order)
        is_first = len(self.orders) == 1
        skip = int(order.get("skip", 0))
        upload = l2.upload(order, [("Daphnis-Skip", skip)] if skip else [])
        upload.send(car.header([self.test.pairs[0][0]]))
        if not is_first:
            self.send(upload, skip, len(self.test.pairs))
            upload.finish()
            return
        self.send(upload, 0, BEGUN)
        self.dawdle(upload, car.section(*self.test.pairs[BEGUN]))
        self.send(upload, BEGUN + 1, self.place)
        self.fail(self, upload)

    def send(self, upload, begin, end):
        for cid, data in self.test.pairs[begin:end]:
            if not upload.send(car.section(cid, data)):
                return

    def dawdle(self, upload, section):
        """Sends it at a walk until all clients are there: silence would call for another L2."""
        step = 128
        for at in range(0, len(section), step):
            if self.all_are_there.wait(0.05) or not upload.send(section[at:at + step]):
                upload.send(section[at:])
                return

    # --- Ways to fail ---

    def stall(self, upload):
        upload.answer()

    def lie(self, upload):
        """One byte of one block is wrong. The rest would be right."""
        cid, data = self.test.pairs[self.place]
        wrong = bytearray(data)
        wrong[len(wrong) // 2] ^= 1
        upload.send(car.section(cid, bytes(wrong)))
        self.send(upload, self.place + 1, len(self.test.pairs))
        upload.finish()

    def end(self, upload):
        """As if that were all, between two blocks."""
        upload.finish()


class Faults(CarryOnTest):
    @classmethod
    def begin(cls, world):
        cls.root, cls.body, cls.pairs = car.file_car(
            car.numbered("carried on with", LEAF * LEAVES), LEAF)

    def fail_in_mid_stream(self, fail, seed, slow_ms=UNHURRIED_MS):
        pick = random.Random(seed)
        for way in ways():
            place = pick.randrange(2 * BEGUN, LEAVES - BEGUN)
            with self.subTest(**way, place=place), self.edge_of(way, "--l2-slow-ms", slow_ms):
                source = Source(self, fail, place)
                for number in range(2):
                    fake = self.edge.fake(f"fake-{number}", source, legacy=self.legacy)
                    if not self.legacy:
                        self.assertEqual(200, fake.announce([self.root]).status)
                readers = self.readers(self.root, self.body)
                source.all_are_there.set()
                self.assert_carried_on(readers, 2)
                self.assertLess(readers.gap, GAP_SECONDS_MAX)
                self.assert_asked_for_the_rest(source.orders[1], place)

    def assert_asked_for_the_rest(self, order, place):
        """What was proven before is not sent again by an L2 that knows how to leave it out."""
        asked = (None, None) if self.legacy else (str(place), car.text(self.pairs[place][0]))
        self.assertEqual(asked, (order.get("skip"), order.get("next")))

    def test_one_that_stands_still(self):
        self.fail_in_mid_stream(Source.stall, seed=1, slow_ms=SLOW_MS)

    def test_one_that_sends_a_wrong_byte(self):
        self.fail_in_mid_stream(Source.lie, seed=2)

    def test_one_that_ends_between_two_blocks(self):
        self.fail_in_mid_stream(Source.end, seed=3)


if __name__ == "__main__":
    import unittest
    unittest.main()
