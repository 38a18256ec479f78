"""Real L2s that are killed in mid-stream, of which no client notices anything: another goes on."""

import time

from harness import ASAN, CAMPAIGN, Gate, car, wait_for
from harness.carrying import FOLLOWERS, CarryOnTest, ways
from harness.homes import Home, held

LEAF = 1 << 18
MARGIN = 4 * LEAF  # How much further than the clients a stream is let.
ABSENCE_SECONDS = 1
# What a gate holds stands still until all clients have come up to it: here that is no reason to
# start another beside it.
UNHURRIED = ("--l2-slow-ms", "60000")


class KilledTest(CarryOnTest):
    @classmethod
    def begin_file(cls, world, mib):
        cls.root, cls.body, _ = car.file_car(car.numbered("carried on", mib << 20), LEAF)
        cls.file = world.folder / "file.car"
        cls.file.write_bytes(cls.body)

    def begin_streams(self, homes, kills):
        """L2s, and clients that have all begun. Streams come past the first of as many equal parts
        as there are kills and one more."""
        self.part = len(self.body) // (kills + 1)
        # Without a cache late readers get the beginning only while an output is short.
        self.gate = Gate(MARGIN)
        self.homes = [Home(self.edge, number, self.gate, self.file, LEAF, self.legacy)
                      for number in range(homes)]
        readers = self.readers(self.root, self.body)
        self.gate.open_to(self.part + MARGIN)
        return readers

    def kill(self, readers, number):
        """The L2 that sends dies once all clients have `number` parts. When the broker knows of it,
        one part more may come. Returns what was killed."""
        readers.wait_for_bytes(number * self.part, 120)
        killed = wait_for(lambda: held(self.homes), "a stream is held")
        killed.kill()
        self.edge.wait_l2_gone(killed.id)
        self.gate.open_to((number + 1) * self.part + MARGIN)
        return killed

    def die_in_turn(self, way, kills):
        with self.subTest(**way), self.edge_of(way, *UNHURRIED):
            readers = self.begin_streams(2, kills)
            for number in range(1, kills + 1):
                self.kill(readers, number).start()
            self.assert_carried_on(readers, kills + 1)
            if not self.legacy:
                self.assert_little_came_twice()

    def assert_little_came_twice(self):
        """Of all that the edge can have read: the relays count what they sent it, since what a
        killed L2 had sent is in nobody's books. A kill costs no more than the block that it cuts,
        for streams are held where the clients are; so nothing has to be allowed for sockets."""
        self.assertLessEqual(sum(home.relay.sent for home in self.homes), 1.05 * len(self.body))


class Killed(KilledTest):
    """One client, whose L2s die one after the other."""

    KILLS = 5 if CAMPAIGN else 3

    @classmethod
    def begin(cls, world):
        # The parts are longer than what a kernel may still send for an L2 that is dead.
        cls.begin_file(world, 1024 if CAMPAIGN else 32 if ASAN else 64)

    def test_an_answer_goes_on_from_l2_to_l2_as_they_die(self):
        for way in ways(followers=[0]):
            self.die_in_turn(way, self.KILLS)


class KilledForMany(KilledTest):
    """The same with others that read along, at both workers."""

    @classmethod
    def begin(cls, world):
        cls.begin_file(world, 32)

    def test_all_who_read_along_go_on_as_l2s_die(self):
        for way in ways(followers=[FOLLOWERS]):
            self.die_in_turn(way, 3)

    def test_an_answer_waits_for_its_only_l2_to_come_back(self):
        for way in ways():
            with self.subTest(**way), self.edge_of(way, *UNHURRIED):
                readers = self.begin_streams(1, 1)
                killed = self.kill(readers, 1)
                time.sleep(ABSENCE_SECONDS)  # It is away for so long; nothing is waited for.
                killed.start()
                self.assert_carried_on(readers, 2)


if __name__ == "__main__":
    import unittest
    unittest.main()
