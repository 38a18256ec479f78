"""Helia's verified-fetch, which asks a trustless gateway for one block after the other."""

import pathlib
import subprocess
import unittest

from harness import CAMPAIGN, Edge, EdgeTest, FakeL2, car, not_found, sends_blocks, wait_for

HELIA = pathlib.Path(__file__).parent / "npm-helia"
FILE_BYTES, LEAF_BYTES = 400_000, 20_000
BLOCKS = 1 + FILE_BYTES // LEAF_BYTES


@unittest.skipUnless(CAMPAIGN, "DAPHNIS_CAMPAIGN=1 runs it: installs 162 MB of npm packages")
class VerifiedFetch(EdgeTest):
    """Needs `npm ci` in the folder npm-helia (tests/run does it for a campaign)."""

    @classmethod
    def begin(cls, world):
        if not (HELIA / "node_modules").exists():
            raise AssertionError("run `npm ci` in tests/integration/npm-helia first")

    def fetched_through_an_edge_of(self, count):
        """One L2 has announced the root of a file; the others lack all blocks."""
        edge = Edge(self.world, patient=True)
        for number in range(count - 1):
            other = FakeL2(edge.l2_port, f"other-{number}", not_found)
            self.world.on_close(other.close)
            self.assertEqual(200, other.status)
        body = car.numbered(f"verified-fetch {count}", FILE_BYTES)
        root, pairs = car.unixfs_file(body, LEAF_BYTES)
        self.assertEqual(BLOCKS, len(pairs))
        holder = edge.fake("holder", sends_blocks(pairs))
        self.assertEqual(200, holder.announce(add=[car.text(root)]).status)
        wait_for(lambda: len(edge.l2s()) == count, "all L2s are registered", 30)
        got = subprocess.run(
            ["node", HELIA / "verified_fetch.mjs", edge.url(""), car.text(root)],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
        self.assertEqual(0, got.returncode, got.stderr.decode()[-3000:])
        self.assertEqual(body, got.stdout)
        metrics = edge.metrics()
        orders, hedges = metrics["daphnis_attempts_total"], metrics["daphnis_hedges_total"]
        print(f"verified-fetch: {count} L2s, {BLOCKS} blocks, {orders:.0f} orders, "
              f"{hedges:.0f} of them hedges", flush=True)
        # The holder proved the root, so it is the first that is asked for what the root links to;
        # a hedge goes to another where this machine stands still.
        self.assertEqual(BLOCKS, orders - hedges)
        self.assertEqual(BLOCKS, len(holder.orders))

    def test_a_file_comes_whole_through_an_edge_of_1_l2(self):
        self.fetched_through_an_edge_of(1)

    def test_a_file_comes_whole_through_an_edge_of_40_l2s(self):
        self.fetched_through_an_edge_of(40)

    def test_a_file_comes_whole_through_an_edge_of_300_l2s(self):
        self.fetched_through_an_edge_of(300)


if __name__ == "__main__":
    unittest.main()
