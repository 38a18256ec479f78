"""Faults that are not one L2's own: nobody is condemned for them, and they pass."""

import unittest

from harness import Edge, EdgeTest, car, not_found

L2S = 8
BREAKDOWN = 400  # Requests while every L2 fails; each costs a try at three of them.


class Home:
    """An L2 that holds everything. While it is `broken` it cuts all that it begins to send."""

    def __init__(self, bodies):
        self.bodies, self.broken = bodies, False

    def __call__(self, l2, order):
        body = self.bodies.get(order["root"])
        if body is None:
            return not_found(l2, order)
        if not self.broken:
            return l2.post(order, body, headers=[("Content-Length", len(body))])
        upload = l2.upload(order, [("Content-Length", len(body))])
        upload.send(body[:100])
        return upload.close()


class Health(EdgeTest):
    def begin_edge(self):
        """Eight L2s that hold everything, each of which has delivered what only it announced."""
        self.edge = Edge(self.world)
        files = [car.file_car(car.numbered(f"health {n}", 5_000)) for n in range(2 * L2S)]
        self.pairs = {root: pairs for root, _, pairs in files}
        self.bodies = {root: body for root, body, _ in files}
        self.roots = list(self.bodies)
        self.homes = [Home(self.bodies) for _ in range(L2S)]
        self.l2s = [self.edge.fake(f"home-{n}", home, capacity=64)
                    for n, home in enumerate(self.homes)]
        for l2, root in zip(self.l2s, self.roots):
            self.assertEqual(200, l2.announce(add=[root]).status)
            self.assert_car(self.edge.car(root), self.pairs[root])

    def ejected(self):
        return [name for name, row in self.edge.l2s().items() if row["ejected"]]

    def test_a_root_over_which_all_holders_seem_to_lie_condemns_none_of_them(self):
        self.begin_edge()
        # To the edge it is the same whether its own verifier errs or all send the same wrong byte.
        suspect = self.roots[L2S]
        body = bytearray(self.bodies[suspect])
        body[-1] ^= 1
        self.bodies[suspect] = bytes(body)
        for l2 in self.l2s:
            self.assertEqual(200, l2.announce(add=[suspect]).status)
        for _ in range(3):
            self.assertEqual(502, self.edge.car(suspect).status)
        metrics = self.edge.metrics()
        self.assertEqual(1, metrics["daphnis_roots_quarantined_total"])
        self.assertEqual([], self.ejected())
        orders = metrics["daphnis_attempts_total"]
        for root in self.roots[:L2S]:
            self.assert_car(self.edge.car(root), self.pairs[root])
        self.assertEqual(orders + L2S, self.edge.metrics()["daphnis_attempts_total"])

    def test_where_all_fail_alike_hardly_any_is_ejected_and_it_passes_by_itself(self):
        self.begin_edge()
        for home in self.homes:
            home.broken = True
        for n in range(BREAKDOWN):
            self.assertNotEqual(200, self.edge.car(self.roots[n % L2S]).status)
        self.assertLessEqual(len(self.ejected()), L2S / 3)
        for home in self.homes:
            home.broken = False
        for root in self.roots[:L2S]:
            self.assert_car(self.edge.car(root), self.pairs[root])
        self.assertLessEqual(len(self.ejected()), L2S / 3)
        self.edge.settle()


if __name__ == "__main__":
    unittest.main()
