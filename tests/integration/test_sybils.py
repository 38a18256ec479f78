"""Ids that cost nothing announce everything and deliver nothing: clients hardly notice them."""

import concurrent.futures
import itertools
import time
import unittest

from harness import CAMPAIGN, Edge, EdgeTest, FakeL2, car
from harness.swarm import Swarm, drips, lacks_it, lies, says_nothing

ROOTS = 75
# The number of ids, and that of the addresses that they come from.
SWARMS = [(64, 1), (64, 50), (2000, 1), (2000, 50)] if CAMPAIGN else [(64, 1), (64, 16)]
KINDS = (says_nothing, lacks_it, drips, lies)
# Half a minute each, which drippers of one address are not worth where those of many are there.
LONG = set() if CAMPAIGN else {(drips, (64, 1))}
WARM_UP_CLIENTS = 8
# The warm-up ends when so many of its requests in a row were served, or with its time.
WARM_UP_SECONDS, WARM_UP_ROW = 60, 1_000_000 if CAMPAIGN else 2 * ROOTS
MEASURED = 1_000 if CAMPAIGN else 2 * ROOTS
SERVED_MIN = 0.99
P99_SECONDS = 2


def holds(bodies):
    """An answer that sends the CAR of the root that an order names."""
    def answer(l2, order):
        body = bodies[order["root"]]
        l2.post(order, body, headers=[("Content-Length", len(body))])
    return answer


class Sybils(EdgeTest):
    def surround(self, count, addresses, does):
        """Two honest L2s of two addresses that hold all roots, and a swarm that was there first."""
        self.edge = Edge(self.world)
        files = [car.file_car(car.numbered(f"file {n}", 5_000)) for n in range(ROOTS)]
        bodies = {root: body for root, body, _ in files}
        self.roots = list(bodies)
        swarm = Swarm(self.edge.l2_port, count, addresses, does, self.roots)
        self.world.on_close(swarm.close)
        self.assertEqual([], swarm.faults)
        for n in range(2):
            home = FakeL2(self.edge.l2_port, f"home-{n}", holds(bodies), capacity=16,
                          source=f"127.0.0.{n + 2}")
            self.world.on_close(home.close)
            self.assertEqual(200, home.announce(add=self.roots).status)
        return swarm

    def ask(self, number):
        begun = time.monotonic()
        try:
            status = self.edge.car(self.roots[number % ROOTS], seconds=30).status
        except TimeoutError:
            status = 0
        return status, time.monotonic() - begun

    def warm_up(self):
        """Several clients ask for one root after the other. Returns the statuses they got."""
        end, statuses = time.monotonic() + WARM_UP_SECONDS, []

        def ask_on(client):
            number = client
            while time.monotonic() < end and not (
                    len(statuses) > WARM_UP_ROW and set(statuses[-WARM_UP_ROW:]) == {200}):
                statuses.append(self.ask(number)[0])
                number += WARM_UP_CLIENTS
        with concurrent.futures.ThreadPoolExecutor(WARM_UP_CLIENTS) as pool:
            list(pool.map(ask_on, range(WARM_UP_CLIENTS)))
        return statuses

    def measure(self, does, count, addresses):
        swarm = self.surround(count, addresses, does)
        first = self.warm_up()
        orders = swarm.orders
        answers = [self.ask(len(first) + n) for n in range(MEASURED)]
        served = sum(status == 200 for status, _ in answers) / MEASURED
        p99 = sorted(seconds for _, seconds in answers)[int(MEASURED * .99) - 1]
        print(f"sybils: {does.__name__}, {count} of {addresses} addresses: at first "
              f"{first.count(200)} of {len(first)} served; then {served:.1%}, p99 "
              f"{1000 * p99:.0f} ms, {swarm.orders - orders} orders to them", flush=True)
        self.assertGreaterEqual(served, SERVED_MIN)
        self.assertLess(p99, P99_SECONDS)


def add_tests():
    """One test for each kind of swarm and each size."""
    for does, (count, addresses) in itertools.product(KINDS, SWARMS):
        if (does, (count, addresses)) not in LONG:
            name = f"test_{count}_of_{addresses}_addresses_of_which_each_{does.__name__}"

            def test(self, does=does, count=count, addresses=addresses):
                self.measure(does, count, addresses)
            setattr(Sybils, name, test)


add_tests()

if __name__ == "__main__":
    unittest.main()
