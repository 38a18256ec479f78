"""The CARs of tests/fixtures/valid that need no more than a plain depth-first answer."""

import hashlib
import unittest

from harness import Edge, EdgeTest, car, fixture, fixture_index


def plain(entry):
    """The blocks of a fixture that is asked for whole and is a CARv1, sha2-256, depth-first,
    without repeats or identity blocks; else None."""
    path, _, query = entry["request"].partition("?")
    asked_whole = (path == f"/ipfs/{entry['root']}" and "entity-bytes" not in query
                   and ("dag-scope" not in query or "dag-scope=all" in query))
    data = fixture(entry["file"])
    if not asked_whole or not car.is_v1(data):
        return None
    pairs = car.blocks(data)
    if any(car.split_cid(raw)[2] != car.SHA2_256 for raw, _ in pairs):
        return None
    store = {car.split_cid(raw)[1:]: body for raw, body in pairs}
    order = car.walk(car.from_text(entry["root"]), store)
    keys = [car.split_cid(raw)[1:] for raw in order or []]
    if (not order or len(set(keys)) != len(keys) or any(key[1] == car.IDENTITY for key in keys)
            or keys != [car.split_cid(raw)[1:] for raw, _ in pairs]):
        return None
    # The CID that comes out is the link's, however the fixture spelled it.
    return [(raw, store[car.split_cid(raw)[1:]]) for raw in order]


class Built(unittest.TestCase):
    def test_those_that_are_built_are_the_bytes_of_the_index(self):
        rows = [row for row in fixture_index() if "built" in row]
        self.assertEqual(3, len(rows))
        for row in rows:
            data = fixture(row["file"])
            self.assertEqual(row["size"], len(data))
            self.assertEqual(row["sha256"], hashlib.sha256(data).hexdigest())


class Fixtures(EdgeTest):
    @classmethod
    def begin(cls, world):
        cls.edge = Edge(world, patient=True)

    def test_plain_fixtures_come_out_block_for_block_from_a_store_of_one_file_each(self):
        index = fixture_index()
        files = [e for e in index if (e["file"] or "").startswith("valid/")]
        wanted = [(entry, pairs) for entry in files if (pairs := plain(entry))]
        print(f"{len(wanted)} of {len(files)} fixtures", flush=True)
        self.assertGreater(len(wanted), 15)
        for number, (entry, pairs) in enumerate(wanted):
            with self.subTest(entry["file"]):
                store = self.world.subfolder(f"store{number}")
                (store / "one.car").write_bytes(fixture(entry["file"]))
                l2 = self.edge.l2(store, f"fixture-{number}")
                try:
                    response = self.edge.get(entry["request"])
                    self.assert_car(response, pairs)
                    roots = car.header([car.from_text(entry["root"])])
                    self.assertTrue(response.body.startswith(roots))
                finally:
                    l2.stop()
                    self.edge.wait_l2_gone(f"fixture-{number}")
