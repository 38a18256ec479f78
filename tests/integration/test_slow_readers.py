"""Readers that take nothing, where no spool may grow: they pace no other reader, and hold no L2
that others wait for. test_slow_campaign.py has the same at full size."""

import contextlib
import itertools
import tempfile
import time

from harness import ASAN, CAMPAIGN, Crowd, Edge, EdgeTest, Gate, car, wait_for
from harness.homes import Home

LEAF = 1 << 16
MIB = 16
BEGUN = 2 * LEAF  # What the L2 sends before all clients are there.
ELSEWHERE = "127.0.0.2"
YIELD_AFTER_MS, CUT_WINDOW_MS = 1_000, 2_000
# Little is held for a reader anywhere, so that one that takes nothing is soon far behind. A cache
# is filled all the same: the window holds what that calls small.
WINDOW = "2M"
FLAGS = ("--output-high-bytes", "64K", "--loner-after-ms", "300", "--yield-after-ms",
         YIELD_AFTER_MS, "--slow-reader-window-ms", CUT_WINDOW_MS, "--slow-reader-rate", "16K",
         "--loners-per-address", "4")
RECEIVE_BUFFER = 4096
LEGACY_CAPACITY = 3


# How it comes that no spool may grow, as flags of the broker: there is no folder for any, the cache
# refuses what does not fit and the spool folder takes no byte, or one spool of half an answer has
# taken all.
ROOMS = {"none": ["--spool-dir", "none"], "refused": ["--spool-limit", "0", "--cache-limit", "4K"],
         "taken": ["--spool-limit", f"{MIB // 2}M"]}


def settings(legacies=(False, True), rooms=tuple(ROOMS), least=None):
    """Each setting, by name, also from L2s of each generation. The ordinary run has each generation
    once, and at least `least` settings, each with another room; the slow one with AddressSanitizer
    has one."""
    pairs = list(itertools.product(rooms, legacies))
    if not CAMPAIGN:
        count = 1 if ASAN else max(len(legacies), least or 0)
        pairs = [(rooms[i % len(rooms)], legacies[i % len(legacies)]) for i in range(count)]
    return [{"room": room, "legacy": legacy} for room, legacy in pairs]


class SlowTest(EdgeTest):
    """`self.edge` and its L2s are those of one setting at a time."""

    @classmethod
    def begin(cls, world):
        # As many as an L2 of the default capacity works on at once, and a small one.
        cls.cars = [car.file_car(car.numbered(f"slow {number}", size), LEAF)[:2]
                    for number, size in enumerate([MIB << 20] * LEGACY_CAPACITY + [LEAF])]
        cls.root, cls.body = cls.cars[0]
        cls.file = world.folder / "file.car"
        cls.file.write_bytes(cls.body)

    @contextlib.contextmanager
    def edge_of(self, setting):
        """Edges are of that setting. They and their L2s end with the context."""
        self.legacy, self.room = setting["legacy"], setting["room"]
        try:
            yield
        finally:
            self.world.stop_processes()

    def begin_edge(self, workers=1, window=WINDOW):
        flags = list(ROOMS[self.room])
        if self.room == "refused":
            flags += ["--cache-dir", tempfile.mkdtemp(prefix="cache-", dir=self.world.folder)]
        self.edge = Edge(self.world, workers=workers, patient=True, broker_flags=flags,
                         worker_flags=["--fetch-window-bytes", window, *FLAGS])

    def crowd(self, count, number=0, **options):
        """Clients that have their first bytes and take no more until they are told to run."""
        root, body = self.cars[number]
        crowd = Crowd(self.edge.client_port, f"/ipfs/{root}?format=car", body, count, **options)
        self.world.on_close(crowd.close)

        def have_begun():
            crowd.sip(RECEIVE_BUFFER)
            return crowd.faults or min(crowd.bodies()) > 0
        wait_for(have_begun, "all have their first bytes")
        self.assertEqual([], crowd.faults)
        return crowd

    def stalled(self, count, number=0, **options):
        return self.crowd(count, number, receive_buffer=RECEIVE_BUFFER, **options)

    def assert_whole(self, crowd, count, cut=0):
        crowd.run(30)
        self.assertEqual(cut, len(crowd.faults), crowd.faults)
        self.assertEqual([], [fault for fault in crowd.faults if "ECONNRESET" not in fault])
        self.assertEqual(count, crowd.whole)

    def figure(self, name):
        """What the workers last said of themselves."""
        return self.edge.metrics()[f"daphnis_worker_{name}"]

    def wait_figure(self, name, value):
        wait_for(lambda: self.figure(name) == value, f"{name} is {value}")


class Paced(SlowTest):
    """One answer for slow and honest readers."""

    def begin_streams(self, *slow):
        """Three honest readers, and slow ones of each kind: how many, and options of crowd(). All
        are of one fetch, which goes on once all are there. Returns a crowd of each."""
        self.begin_edge()
        gate = Gate(BEGUN)
        self.home = Home(self.edge, 0, gate, self.file, LEAF, self.legacy, ["--capacity", "16"])
        slow = [self.stalled(count, **options) for count, options in slow]
        honest = self.crowd(3)
        self.assertEqual(3, honest.statuses.get("FETCHING"))
        gate.open_to(None)
        return honest, *slow

    def test_who_reads_on_does_not_wait_for_who_does_not(self):
        for setting in settings(least=len(ROOMS)):
            with self.subTest(**setting), self.edge_of(setting):
                honest, slow = self.begin_streams((1, {}))
                self.assert_whole(honest, 3)
                self.assertLess(max(slow.bodies()), len(self.body) // 4, "it was to be slow")
                self.wait_figure("readers_left_total", 1)
                self.wait_figure("loners", 1)
                self.assert_whole(slow, 1)

    def test_one_that_went_on_alone_holds_no_place(self):
        for setting in settings(legacies=[False]):
            with self.subTest(**setting), self.edge_of(setting):
                honest, slow = self.begin_streams((1, {}))
                self.assert_whole(honest, 3)
                self.edge.wait_stats(lambda row: row["attempts_in_flight"] == 0,
                                     "the L2 is released")
                self.assert_whole(slow, 1)
                self.edge.settle()

    def test_one_that_went_on_alone_outlives_its_l2(self):
        for setting in settings():
            with self.subTest(**setting), self.edge_of(setting):
                honest, slow = self.begin_streams((1, {}))
                self.assert_whole(honest, 3)
                self.home.kill()
                self.edge.wait_l2_gone(self.home.id)
                self.home.start()
                self.assert_whole(slow, 1)

    def test_those_of_one_address_past_its_share_are_cut(self):
        for setting in settings():
            with self.subTest(**setting), self.edge_of(setting):
                honest, slow, elsewhere = self.begin_streams((5, {}), (1, {"source": ELSEWHERE}))
                self.assert_whole(honest, 3)
                self.wait_figure("readers_cut_total", 1)
                self.wait_figure("loners", 5)
                self.assert_whole(elsewhere, 1)
                self.assert_whole(slow, 4, cut=1)

    def test_one_that_went_on_alone_goes_over_to_the_cached_file(self):
        for setting in settings(rooms=["refused"]):
            with self.subTest(**setting), self.edge_of(setting):
                honest, slow = self.begin_streams((1, {}))
                self.assert_whole(honest, 3)
                limit = self.edge.admin("/cache/limit?bytes=1G", method="POST")
                self.assertEqual(200, limit.status)
                self.assertEqual(self.body, self.edge.car(self.root).body)
                wait_for(lambda: self.edge.car(self.root).headers["x-cache"] == "HIT",
                         "it is cached")
                self.home.kill()
                self.edge.wait_l2_gone(self.home.id)
                self.assert_whole(slow, 1)


class Held(SlowTest):
    """Readers that stand still, each with an answer of its own from one L2."""

    def begin_streams(self, readers, capacity=LEGACY_CAPACITY, window=WINDOW):
        """So many of the L2's places are taken by such readers. Returns them."""
        self.begin_edge(2, window)
        store = self.world.subfolder(f"store-{self.edge.client_port}")
        for number, (_, body) in enumerate(self.cars):
            (store / f"{number}.car").write_bytes(body)
        flags = ["--legacy"] if self.legacy else ["--capacity", capacity]
        self.edge.l2(store, "home", *flags, roots=0 if self.legacy else len(self.cars))
        return [self.stalled(1, number) for number in range(readers)]

    def assert_others_are_served(self):
        """At the latest when the places must have come back."""
        root, body = self.cars[-1]

        def is_served():
            response = self.edge.car(root, seconds=60)
            self.assertIn(response.status, (200, 503))
            return response.status == 200 and response.body == body
        wait_for(is_served, "another request of that L2 is served", 10, every=0.2)

    def test_an_l2_that_can_go_on_later_is_free_for_others(self):
        for setting in settings(legacies=[False]):
            with self.subTest(**setting), self.edge_of(setting):
                for capacity in (1, 3):
                    slow = self.begin_streams(capacity, capacity)
                    self.assert_others_are_served()
                    self.wait_figure("yields_total", capacity)
                    for crowd in slow:
                        self.assert_whole(crowd, 1)
                    self.edge.settle()

    def test_an_l2_that_cannot_is_free_once_its_readers_are_cut(self):
        self.hold_until_cut(WINDOW)

    def test_what_a_client_took_at_first_spares_it_for_no_longer(self):
        # A short window fills before the client's own buffers do, which take as much as it may be
        # slow for many times --slow-reader-window-ms.
        self.hold_until_cut("256K")

    def hold_until_cut(self, window):
        for setting in settings(legacies=[True]):
            with self.subTest(**setting), self.edge_of(setting):
                slow = self.begin_streams(LEGACY_CAPACITY, window=window)
                self.assert_others_are_served()
                for crowd in slow:
                    crowd.run(30)
                self.assertEqual(LEGACY_CAPACITY,
                                 sum(crowd.whole + len(crowd.faults) for crowd in slow))
                cut = [fault for crowd in slow for fault in crowd.faults]
                self.assertGreater(len(cut), 0)
                self.assertEqual([], [fault for fault in cut if "ECONNRESET" not in fault])
                self.wait_figure("readers_cut_total", len(cut))

    def test_nobody_is_cut_while_there_is_room(self):
        for setting in settings(legacies=[True]):
            with self.subTest(**setting), self.edge_of(setting):
                slow, = self.begin_streams(1)
                root, body = self.cars[-1]
                end = time.monotonic() + 2.5 * CUT_WINDOW_MS / 1000
                while time.monotonic() < end:
                    self.assertEqual(body, self.edge.car(root).body)
                    time.sleep(0.1)  # Long enough a time with others has to pass.
                self.assertEqual(0, self.figure("readers_cut_total"))
                self.assert_whole(slow, 1)


if __name__ == "__main__":
    import unittest
    unittest.main()
