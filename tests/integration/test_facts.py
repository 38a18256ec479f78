"""One status for one fact, whichever generation of L2 tells it, and no honest L2 called a liar."""

import json
import shutil

from harness import Edge, EdgeTest, car, sends, wait_for

DAG_JOSE = 0x85


class Facts(EdgeTest):
    """The same CARs behind three v2 L2s, then behind a deployed one, which sends whole files."""

    @classmethod
    def begin(cls, world):
        # What one kind of L2 proves to be missing is to be proven by the other too.
        cls.edge = Edge(world, workers=1, patient=True, broker_flags=["--negative-memory", "off"])
        a, z, j = (car.cid(codec, data) for codec, data in
                   ((car.RAW, b"one"), (car.RAW, b"two"), (DAG_JOSE, b"odd")))
        node = car.dag_pb(b"\x08\x01", [("a", a, 3), ("j", j, 3), ("z", z, 3)])
        # A file of one link whose blocksizes are missing.
        bad = car.dag_pb(b"\x08\x02\x18\x03", [("", a, 3)])
        cls.d, cls.j, cls.bad = car.cid(car.DAG_PB, node), j, car.cid(car.DAG_PB, bad)
        cls.pairs = {"d": (cls.d, node), "a": (a, b"one"), "j": (j, b"odd"), "z": (z, b"two"),
                     "bad": (cls.bad, bad)}
        cls.store, cls.cars = world.subfolder("facts"), {}
        for name, root, names in (("d", cls.d, "dajz"), ("j", j, "j"),
                                  ("bad", cls.bad, ("bad", "a"))):
            body = car.car(root, [cls.pairs[n] for n in names])
            (cls.store / f"{name}.car").write_bytes(body)
            cls.cars[car.text(root)] = body

    def store_for(self, l2_id):
        """A store of its own with the same files."""
        return shutil.copytree(self.store, self.store.with_name(l2_id))

    def orders(self):
        return sum(row["orders"] for row in self.edge.l2s().values())

    def facts(self):
        """{request: (status, code or blocks, orders)}"""
        d, j, bad = car.text(self.d), car.text(self.j), car.text(self.bad)
        found = {}
        for target in (f"{d}/favicon.ico?format=car", f"{d}?format=car", f"{d}/a?format=car",
                       f"{d}/z?format=car", f"{d}/j?format=car&dag-scope=block",
                       f"{d}/j?format=car", f"{j}?format=raw", f"{j}?format=car&dag-scope=block",
                       f"{j}?format=car&dag-scope=entity", f"{j}?format=car",
                       f"{bad}?format=car&entity-bytes=0:1"):
            before = self.orders()
            response = self.edge.get(f"/ipfs/{target}")
            said = response.body
            if response.status != 200:
                self.assertTrue(response.body, (target, response))
                said = json.loads(response.body)["code"]
            found[target] = (response.status, said, self.orders() - before)
        return found

    def assert_honest(self, l2_id):
        row = wait_for(lambda: (row := self.edge.l2s()[l2_id])["in_flight"] == 0 and row,
                       "its answers are over")
        self.assertEqual((0, "idle"), (row["lied"], row["state"]), row)

    def test_v2_and_deployed_l2s_prove_the_same_with_one_order(self):
        by_kind = {}
        names = [f"v2-{n}" for n in range(3)]
        l2s = [self.edge.l2(self.store_for(name), name) for name in names]
        by_kind["v2"] = self.facts()
        for process, name in zip(l2s, names):
            self.assert_honest(name)
            process.stop()
            self.edge.wait_l2_gone(name)
        fake = self.edge.fake("deployed", lambda l2, order: l2.post(
            order, self.cars[order["root"]]), legacy=True)
        by_kind["deployed"] = self.facts()
        self.assert_honest("deployed")
        fake.close()
        self.edge.wait_l2_gone("deployed")
        self.assertEqual(by_kind["v2"], by_kind["deployed"])
        facts = list(by_kind["v2"].values())
        self.assertEqual([1] * len(facts), [orders for _, _, orders in facts], by_kind)
        self.assertEqual([404, 406, 200, 200, 200, 406, 200, 200, 200, 406, 406],
                         [status for status, _, _ in facts], by_kind)
        self.assertEqual(["path_not_found", "content_unsupported"], [facts[n][1] for n in (0, 1)])
        self.assertEqual(b"odd", facts[6][1])
        self.assertEqual([self.pairs["d"], self.pairs["z"]], car.blocks(facts[3][1]))

    def test_padding_after_a_car_is_no_lie(self):
        root, body, pairs = car.file_car(car.numbered("padded", 3000))
        fake = self.edge.fake("padded", sends(body + bytes(5000)))
        self.assert_car(self.edge.car(root), pairs)
        self.assertEqual(200, fake.wait_results(1).status)
        self.assert_honest("padded")
        fake.close()
        self.edge.wait_l2_gone("padded")
