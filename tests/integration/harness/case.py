"""The test case all integration tests derive from."""

import os
import pathlib
import sys
import unittest

from . import car
from .process import World

ROOT = pathlib.Path(__file__).resolve().parents[3]
SHARED = pathlib.Path(os.environ.get("DAPHNIS_SHARED", ROOT.parent / "shared"))


def shared(*parts):
    """A path below the folder of shared fixtures; fails with a clear line where there is none."""
    path = SHARED.joinpath(*parts)
    if not path.exists():
        raise AssertionError(f"this test needs {'/'.join(parts)} of ../shared, which is not there")
    return path


class EdgeTest(unittest.TestCase):
    """`cls.begin(world)` sets up what all tests of the class share; `self.world` is a test's own.
    When a test fails, the logs of all processes are printed; when one of our processes crashed, a
    test that seemed to pass fails."""

    maxDiff = 2000

    @classmethod
    def begin(cls, world):
        pass

    @classmethod
    def setUpClass(cls):
        cls.class_world = World()
        try:
            cls.begin(cls.class_world)
        except BaseException:
            print(cls.class_world.logs(), file=sys.stderr)
            cls.class_world.close()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.class_world.stop_processes()
        dead, logs = cls.class_world.died(), cls.class_world.logs()
        cls.class_world.close()
        if dead:
            print(logs, file=sys.stderr)
            raise AssertionError("; ".join(dead))

    def run(self, result=None):
        result = result if result is not None else self.defaultTestResult()
        self.world = World()
        before = len(result.failures) + len(result.errors)
        try:
            super().run(result)
        finally:
            if len(result.failures) + len(result.errors) > before:
                for world in (self.class_world, self.world):
                    print(f"=== {self.id()}\n{world.logs()}", file=sys.stderr)
            self.world.close()
        return result

    def tearDown(self):
        self.world.stop_processes()
        self.assertEqual([], self.world.died() + self.class_world.died())

    def assert_car(self, response, expected_blocks):
        """A complete 200 whose blocks are exactly these (cid, data) pairs, all digests true."""
        self.assertEqual(200, response.status, response)
        self.assertTrue(response.complete, response)
        got = car.blocks(response.body)
        for cid, data in got:
            self.assertTrue(car.digest_holds(cid, data), car.text(cid))
        self.assertEqual([car.text(c) for c, _ in expected_blocks], [car.text(c) for c, _ in got])
        self.assertEqual([d for _, d in expected_blocks], [d for _, d in got])
