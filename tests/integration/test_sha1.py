"""CIDs of sha1, from a store of daphnis-l2 to a client."""

import hashlib
import json

from harness import Edge, EdgeTest, car


def sha1_cid(data):
    return bytes([1, car.RAW, 0x11, 20]) + hashlib.sha1(data).digest()


class Sha1(EdgeTest):

    @classmethod
    def begin(cls, world):
        cls.data = b"what a commit was once"
        cls.cid = sha1_cid(cls.data)
        cls.root = car.text(cls.cid)
        cls.store = world.subfolder("store")
        (cls.store / "old.car").write_bytes(car.car(cls.cid, [(cls.cid, cls.data)]))

    def test_it_is_served_where_it_is_allowed_and_only_there(self):
        edge = Edge(self.world, workers=1, worker_flags=["--allow-sha1"], patient=True)
        edge.l2(self.store, "old")
        raw = edge.get(f"/ipfs/{self.root}?format=raw")
        self.assertEqual((200, self.data), (raw.status, raw.body), raw)
        self.assertEqual("no-store", raw.headers["cache-control"])
        self.assert_car(edge.car(self.root), [(self.cid, self.data)])

    def test_it_is_refused_by_default(self):
        edge = Edge(self.world, workers=1)
        response = edge.get(f"/ipfs/{self.root}?format=raw")
        self.assertEqual(400, response.status)
        self.assertEqual("sha1_refused", json.loads(response.body)["code"])
