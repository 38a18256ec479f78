"""Slow readers at full size, with the settings as they come: what they cost those beside them, in
each setting of cache and spool. Prints a line for each."""

import contextlib
import hashlib
import itertools
import tempfile
import time
import unittest

from harness import CAMPAIGN, Crowd, Edge, EdgeTest, car, wait_for
from harness.paced import Pace, PacedRelay

MB, MIB = 1_000_000, 1 << 20
L2_RATE = 60 * MB
SLOW, SLOW_RATE, SLOW_STEPS = 4, 1_000, 10  # Bytes a second, in so many steps of it.
HONEST, HONEST_RATE = 6, 20 * MB
FACTOR_MAX = 1.2
BEGUN = MIB  # What an L2 sends before all clients are there.
# By when the places of an L2 come back: those that can go on later, and those that cannot.
YIELDED_SECONDS, CUT_SECONDS = 30, 150
CACHES = {"off": [], "on": ["--cache-limit", "8G"], "refusing": ["--cache-limit", "4K"]}
SPOOLS = {"none": ["--spool-dir", "none"], "256M": [], "unlimited": ["--spool-limit", "64G"]}


def settings():
    return [dict(zip(("cache", "spool", "legacy"), setting))
            for setting in itertools.product(CACHES, SPOOLS, (False, True))]


class Slow:
    """Clients of 1000 B/s each, in the time of who calls sip()."""

    def __init__(self, edge, root, body, count):
        self.crowd = Crowd(edge.client_port, f"/ipfs/{root}?format=car", body, count,
                           receive_buffer=4096)
        edge.world.on_close(self.crowd.close)
        self._due = time.monotonic()

    def sip(self):
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + 1 / SLOW_STEPS
        self.crowd.sip(SLOW_RATE // SLOW_STEPS)

    def begin(self):
        wait_for(lambda: self.sip() or self.crowd.faults or min(self.crowd.bodies()) > 0,
                 "the slow ones have their first bytes")


class Honest:
    """One client of 20 MB/s: curl, whose output goes into a sum."""

    NAMES = itertools.count()

    def __init__(self, edge, root):
        url = edge.url(f"/ipfs/{root}?format=car")
        self._process = edge.world.start(f"honest-{next(self.NAMES)}", [
            "sh", "-c", f"curl -sS -N --fail --max-time 600 --limit-rate {HONEST_RATE} -w "
            f"'%{{stderr}}time %{{time_total}} exit %{{exitcode}}\\n' '{url}' | sha256sum"])

        self._begun = time.monotonic()

    def running(self):
        return self._process.running()

    def is_right(self, body_sum):
        """True where it got the CAR whose sum that is."""
        said = self._process.text()
        return "exit 0\n" in said and body_sum in said

    def is_refused(self):
        return "503" in self._process.text()

    def seconds(self, since):
        """What it took from that time on."""
        return self._begun + float(self._process.text().split("time ", 1)[1].split()[0]) - since

    def __repr__(self):
        return f"{self._process.name}: {self._process.text()}"


@unittest.skipUnless(CAMPAIGN, "DAPHNIS_CAMPAIGN=1 runs it: gigabytes and many minutes")
class SlowCampaign(EdgeTest):
    def make_cars(self, name, size, count):
        self.cars = [car.file_car(car.numbered(f"{name} {number}", size), MIB)[:2]
                     for number in range(count)]
        self.sums = [hashlib.sha256(body).hexdigest() for _, body in self.cars]
        self.store = self.world.subfolder("store")
        for number, (_, body) in enumerate(self.cars):
            (self.store / f"{number}.car").write_bytes(body)

    @contextlib.contextmanager
    def edge_of(self, setting, l2s):
        """A fresh edge with so many L2s, each with a Pace in self.paces."""
        flags = [*SPOOLS[setting["spool"]], *CACHES[setting["cache"]]]
        if setting["cache"] != "off":
            flags += ["--cache-dir", tempfile.mkdtemp(prefix="cache-", dir=self.world.folder)]
        try:
            self.edge = Edge(self.world, patient=True, broker_flags=flags)
            self.paces = [self.begin_l2(number, setting["legacy"]) for number in range(l2s)]
            yield
        finally:
            self.world.stop_processes()

    def begin_l2(self, number, legacy):
        pace = Pace(L2_RATE, BEGUN)
        relay = PacedRelay(self.edge.l2_port, pace)
        self.world.on_close(relay.close)
        store = self.world.subfolder(f"store-{relay.port}")
        for path in self.store.iterdir():
            (store / path.name).hardlink_to(path)
        flags = ["--legacy"] if legacy else []
        self.edge.l2(store, f"home-{number}", *flags, roots=0 if legacy else len(self.cars),
                     port=relay.port)
        return pace

    def open_paces(self):
        for pace in self.paces:
            pace.open()

    def seconds_alone(self, setting, l2s):
        with self.edge_of(setting, l2s):
            return self.seconds_of(1, None)[0]

    def seconds_beside(self, setting, l2s):
        """What each of six takes beside four slow ones, who get their CARs after that."""
        with self.edge_of(setting, l2s):
            slow = Slow(self.edge, *self.cars[0], SLOW)
            slow.begin()
            took = self.seconds_of(HONEST, slow)
            self.assertEqual([], slow.crowd.faults)
            slow.crowd.run(120)
            self.assertEqual(([], SLOW), (slow.crowd.faults, slow.crowd.whole))
            return took

    def seconds_of(self, count, slow):
        """What each of so many honest clients takes from when all clients are there."""
        honest = [Honest(self.edge, self.cars[0][0]) for _ in range(count)]
        wait_for(lambda: self.clients() == count + (len(slow.crowd) if slow else 0),
                 "all clients are there")
        self.open_paces()
        opened = time.monotonic()
        wait_for(lambda: (slow and slow.sip()) or not any(one.running() for one in honest),
                 "the honest ones are done", 600)
        self.assertEqual([], [one for one in honest if not one.is_right(self.sums[0])])
        return [one.seconds(opened) for one in honest]

    def clients(self):
        """Clients whose requests the workers have read."""
        mark = f"0100007F:{self.edge.client_port:04X}"
        with open("/proc/net/tcp", encoding="ascii") as table:
            rows = [line.split() for line in table][1:]
        return sum(row[1] == mark and row[3] == "01" and row[4].endswith(":00000000")
                   for row in rows)

    def compare(self, setting, l2s):
        """The factors of the honest ones: beside slow ones and alone."""
        alone = self.seconds_alone(setting, l2s)
        factors = [seconds / alone for seconds in self.seconds_beside(setting, l2s)]
        print(f"{setting}: alone {alone:.1f} s, beside slow ones x "
              f"{' '.join(f'{factor:.2f}' for factor in sorted(factors))}", flush=True)
        return factors

    def test_honest_readers_of_600_mb_hardly_notice_slow_ones(self):
        self.make_cars("large", 600 * MB, 1)
        for setting in settings():
            with self.subTest(**setting):
                self.assertLessEqual(max(self.compare(setting, 2)), FACTOR_MAX)

    def test_honest_readers_of_40_mib_get_it_soon(self):
        # Where no spool may grow they wait once, for --loner-after-ms, which is as long as all of
        # it takes alone; so the factor is only told.
        self.make_cars("medium", 40 * MIB, 1)
        for setting in settings():
            with self.subTest(**setting):
                self.compare(setting, 1)

    def test_an_l2_whose_places_slow_readers_take_goes_on_with_others(self):
        self.make_cars("held", 40 * MIB, 6)
        for setting in settings():
            with self.subTest(**setting), self.edge_of(setting, 1):
                self.open_paces()
                slow = [Slow(self.edge, *self.cars[number], 1) for number in range(3)]
                for one in slow:
                    one.begin()
                within = CUT_SECONDS if setting["legacy"] else YIELDED_SECONDS
                begun = time.monotonic()
                self.wait_served(3, slow, within)
                print(f"{setting}: others served after {time.monotonic() - begun:.1f} s",
                      flush=True)
                for number in (4, 5):
                    self.assertTrue(self.is_served(number, slow))
                may_spool = setting["cache"] == "on" or setting["spool"] != "none"
                self.assert_slow_end(slow, may_be_cut=setting["legacy"] and not may_spool)

    def wait_served(self, number, slow, seconds):
        wait_for(lambda: self.is_served(number, slow), "another request is served", seconds, 0.05)

    def is_served(self, number, slow):
        """False where it is refused for now."""
        honest = Honest(self.edge, self.cars[number][0])
        wait_for(lambda: [one.sip() for one in slow] and not honest.running(), "it is done", 60)
        self.assertTrue(honest.is_right(self.sums[number]) or honest.is_refused(), honest)
        return honest.is_right(self.sums[number])

    def assert_slow_end(self, slow, may_be_cut):
        for one in slow:
            one.crowd.run(60)
        faults = [fault for one in slow for fault in one.crowd.faults]
        self.assertEqual(len(slow), len(faults) + sum(one.crowd.whole for one in slow))
        self.assertEqual([], [fault for fault in faults
                              if not may_be_cut or "ECONNRESET" not in fault])


if __name__ == "__main__":
    unittest.main()
