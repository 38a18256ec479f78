"""kill -9 of the worker whose fetch others read along in, and of the broker that told them of it:
whoever is not at the dead worker notices nothing."""

import time

from harness import ASAN, Gate, car
from harness.carrying import FOLLOWERS, CarryOnTest, ways
from harness.homes import Home
from harness.placed import PlacedClients, finish, wait_for_bytes

LEAF = 1 << 18
MARGIN = 4 * LEAF  # How much further than the clients a stream is let.
MIB = 32
# The L2s come back through relays of this process within it, also on a machine that is busy.
REQUEST_MS = 6_000
# What a gate holds stands still until all clients have come up to it: here that is no reason to
# start another beside it.
FLAGS = ("--request-ms", REQUEST_MS, "--l2-slow-ms", "60000")
# A stream that walks is let one block a step.
STEP_SECONDS = 0.1
# Longer than a request waits for its first byte, and what the broker grants beyond.
WALK_SECONDS = REQUEST_MS / 1000 + 1.5
SHORT_WALK_SECONDS = 1


class LostTest(CarryOnTest):
    @classmethod
    def begin(cls, world):
        cls.root, cls.body, _ = car.file_car(car.numbered("lost leader", MIB << 20), LEAF)
        cls.file = world.folder / "file.car"
        cls.file.write_bytes(cls.body)

    def begin_streams(self):
        """Two L2s and one client, whose worker leads; then others at both workers. All have begun
        and have the same bytes, a few MiB."""
        self.gate, self.at = Gate(MARGIN), 0
        self.homes = [Home(self.edge, number, self.gate, self.file, LEAF, self.legacy)
                      for number in range(2)]
        self.leaders = PlacedClients(self.edge, self.root, self.body, 1)
        other = next(w for w in self.edge.workers if w is not self.leaders.worker)
        self.followers = PlacedClients(self.edge, self.root, self.body, FOLLOWERS, other)
        self.all = [self.leaders, self.followers]

    def walk(self, seconds):
        """The stream walks on for so long, with all clients close behind."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.at += LEAF
            self.gate.open_to(self.at + MARGIN)
            wait_for_bytes(self.all, self.at)
            time.sleep(STEP_SECONDS)
        self.assertLess(self.at + MARGIN, len(self.body), "the answer was to last longer")

    def strike_each(self, strike, then=lambda: None, legacies=(False, True),
                    seconds=SHORT_WALK_SECONDS):
        """In mid-answer, after so many seconds, comes strike(): all whom it spares get their CARs,
        and then() holds. The slow run with AddressSanitizer has one way."""
        every = [way for way in ways(followers=[FOLLOWERS]) if way["legacy"] in legacies]
        for way in every[:1] if ASAN else every:
            with self.subTest(**way), self.edge_of(way, *FLAGS):
                self.begin_streams()
                self.walk(seconds)
                strike()
                self.gate.open_to(None)
                self.assert_ends()
                then()

    def kill_leader(self):
        self.leaders.worker.kill()
        self.all = [self.followers]

    def kill_broker(self):
        self.edge.broker.kill()
        self.edge.start_broker()

    def assert_ends(self):
        self.assertEqual([], finish(self.all))
        self.assertEqual([placed.count for placed in self.all],
                         [placed.whole() for placed in self.all])


class LostLeader(LostTest):
    def test_those_who_read_along_at_another_worker_get_it_whole(self):
        self.strike_each(self.kill_leader, self.assert_leaders_are_cut, seconds=WALK_SECONDS)

    def assert_leaders_are_cut(self):
        self.assertEqual(self.leaders.count, len(finish([self.leaders])))

    def test_the_next_l2_leaves_out_what_was_read_along(self):
        self.strike_each(self.kill_leader, self.assert_rest_is_asked_for, legacies=[False])

    def assert_rest_is_asked_for(self):
        skips = sorted(skip for home in self.homes for skip in home.relay.skips)
        self.assertEqual(2, len(skips), skips)
        # The block of which followers have read a part comes again.
        self.assertEqual(0, skips[0])
        self.assertGreaterEqual(skips[1], self.at // LEAF)


class LostBroker(LostTest):
    def test_all_who_read_along_get_it_whole(self):
        self.strike_each(self.kill_broker, seconds=WALK_SECONDS)

    def test_so_they_do_where_the_leaders_worker_dies_soon_after(self):
        def both():
            self.kill_broker()
            self.edge.wait_ready()
            self.kill_leader()
        self.strike_each(both)


if __name__ == "__main__":
    import unittest
    unittest.main()
