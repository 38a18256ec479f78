"""What tests of answers that are carried on share: the ways in which an answer may come."""

import contextlib
import itertools
import tempfile

from .case import EdgeTest
from .edge import Edge
from .process import CAMPAIGN
from .readers import Readers

FOLLOWERS = 200 if CAMPAIGN else 6


def ways(followers=(0, FOLLOWERS)):
    """Each way, by name: with and without a cache, from L2s of each generation, to one client and
    to more that read along. The ordinary run has each of these, though not with each other."""
    pairs = itertools.product((True, False), (False, True)) if CAMPAIGN else ((True, False),
                                                                              (False, True))
    return [{"cached": cached, "legacy": legacy, "followers": count}
            for (cached, legacy), count in itertools.product(pairs, followers)]


class CarryOnTest(EdgeTest):
    """`self.edge` and its L2s are those of one way at a time."""

    @contextlib.contextmanager
    def edge_of(self, way, *worker_flags):
        """A fresh edge. Its processes end with the context."""
        self.legacy, self.followers = way["legacy"], way["followers"]
        flags = ["--spool-limit", "4G"]
        if way["cached"]:
            folder = tempfile.mkdtemp(prefix="cache-", dir=self.world.folder)
            flags = ["--cache-dir", folder, "--cache-limit", "4G"]
        try:
            self.edge = Edge(self.world, patient=True, broker_flags=flags,
                             worker_flags=worker_flags)
            yield
        finally:
            self.world.stop_processes()

    def readers(self, root, body):
        return Readers(self.edge, root, body, self.followers)

    def assert_carried_on(self, readers, attempts):
        """All clients get the CAR, and each attempt was of the one fetch that serves them."""
        self.assertEqual([], readers.finish())
        self.assertEqual(attempts, self.edge.metrics()["daphnis_attempts_total"])
