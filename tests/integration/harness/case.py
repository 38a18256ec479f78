"""The test case all integration tests derive from."""

import json
import pathlib
import sys
import unittest

from . import car
from .process import World

ROOT = pathlib.Path(__file__).resolve().parents[3]
FIXTURES = ROOT / "tests" / "fixtures"
CONFORMANCE = ROOT.parent / "shared" / "conformance"


def fixture_index():
    """The rows of INDEX.json (tests/fixtures/README.md)."""
    return json.loads((FIXTURES / "INDEX.json").read_text())


def fixture(name):
    """The bytes of a fixture, like "valid/adv-base.car", be it a file or one that is built."""
    path = FIXTURES / name
    if path.exists():
        return path.read_bytes()
    sizes = [row["built"] for row in fixture_index() if row.get("file") == name and "built" in row]
    if not sizes:
        raise AssertionError(f"no fixture {name}")
    block = (bytes(range(251)) * (sizes[0] // 251 + 1))[:sizes[0]]
    cid = car.cid(car.RAW, block)
    return car.car(cid, [(cid, block)])


def conformance():
    """The folder of conformance data of others, which is not kept here; skips the test without."""
    if not CONFORMANCE.exists():
        raise unittest.SkipTest(
            f"the public conformance data is not beside the checkout: no {CONFORMANCE}")
    return CONFORMANCE


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
