"""A cache on a bad disk: full, failing, rotting, slow, deleted, read-only, out of inodes. Clients get
their bytes all the same, nothing wrong or partial is ever a hit, and no restart is needed.

Tests that mount a small file system take root."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import threading
import time

from harness import ASAN, car, wait_for
from test_cache import CacheTest as CacheBase

SICK_DISK = pathlib.Path(__file__).resolve().parent.parent / "fakes" / "sick_disk.c"


class FaultTest(CacheBase):
    def cars_of(self, name, *sizes):
        """[(root, CAR, pairs)], all of them at the L2."""
        cars = [car.file_car(car.numbered(f"{name}-{n}", size)) for n, size in enumerate(sizes)]
        self.edge.l2(self.store_of([body for _, body, _ in cars]), "home", "--capacity", "16")
        return cars

    def mount(self, options):
        """The cache's folder lies on a tmpfs of its own."""
        if os.geteuid() != 0:
            self.skipTest("mounting a small file system takes root")
        folder = self.world.subfolder("cache")
        # A tmpfs may be written by everybody unless it is told otherwise.
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"mode=0755,{options}", "daphnis-test", folder],
                       check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", str(folder)], check=True)

    def edge_with(self, *args, **options):
        edge = super().edge_with(*args, **options)
        self.assertTrue(self.is_up())
        return edge

    def is_up(self):
        return self.edge.metrics()["daphnis_cache_up"] == 1

    def wait_down(self):
        wait_for(lambda: not self.is_up(), "the broker takes the cache out of order", 20)

    def wait_up(self):
        wait_for(self.is_up, "the cache is back without a restart", 30)

    def get_all(self, cars):
        """The X-Cache of each, all bytes being right."""
        kinds = []
        for root, _, pairs in cars:
            response = self.edge.car(root)
            self.assert_car(response, pairs)
            kinds.append(response.headers["x-cache"])
        return kinds

    def wait_kept(self, one):
        root, _, pairs = one

        def is_hit():
            response = self.edge.car(root)
            self.assert_car(response, pairs)
            return response.headers["x-cache"] == "HIT"
        wait_for(is_hit, f"{root} is served from the cache", 20, every=0.1)

    def path_of(self, root):
        """Of the only file that has this root."""
        rows = [row for row in self.entries() if row["root"] == root]
        self.assertEqual(1, len(rows), rows)
        names = [path for path in (self.folder / "objects").rglob("*") if path.is_file()
                 and path.name == rows[0]["key"]]
        self.assertEqual(1, len(names))
        return names[0]

    def broker_lines(self, part):
        return [line for line in self.edge.broker.text().splitlines() if part in line]

    def quarantined(self):
        return list((self.folder / "quarantine").iterdir())


class FullDisk(FaultTest):
    def test_an_answer_larger_than_the_disk_reaches_its_client_and_leaves_nothing(self):
        self.mount("size=4m")
        self.edge_with()
        big, small = self.cars_of("larger", 16 << 20, 100_000)
        for _ in range(3):
            self.assertEqual(["MISS"], self.get_all([big]))
        wait_for(lambda: not [p for p in (self.folder / "tmp").iterdir()
                              if not p.name.startswith("probe")], "no stray is left")
        self.assertEqual({}, self.files())
        self.assertEqual([], self.entries())
        wait_for(lambda: self.broker_lines("event=spool_failed"), "the operator is told", 10)
        self.assertIn("No space left on device", self.broker_lines("event=spool_failed")[0])
        self.wait_up()
        self.wait_kept(small)

    def test_a_disk_that_others_fill_takes_the_cache_out_and_in(self):
        self.mount("size=4m")
        self.edge_with()
        first, second = self.cars_of("filled", 200_000, 300_000)
        self.wait_kept(first)
        hog = self.folder / "hog"
        with open(hog, "wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                pass
        self.wait_down()
        self.assertEqual(["HIT", "MISS", "MISS"], self.get_all([first, second, second]))
        self.assertEqual(1, len(self.broker_lines("cache_down")))
        hog.unlink()
        self.wait_up()
        self.assertEqual(["HIT"], self.get_all([first]))
        self.wait_kept(second)

    def test_no_inodes(self):
        self.mount("size=64m,nr_inodes=400")
        self.edge_with()
        first, second = self.cars_of("inodes", 200_000, 300_000)
        self.wait_kept(first)
        hogs = self.world.subfolder("cache/hogs")
        try:
            for number in range(1000):
                (hogs / str(number)).touch()
        except OSError:
            pass
        self.wait_down()
        self.assertEqual(["HIT", "MISS"], self.get_all([first, second]))
        shutil.rmtree(hogs)
        self.wait_up()
        self.wait_kept(second)


class ReadOnly(FaultTest):
    def test_a_read_only_disk_goes_on_serving(self):
        self.mount("size=64m")
        self.edge_with()
        first, second = self.cars_of("read-only", 200_000, 300_000)
        self.wait_kept(first)
        subprocess.run(["mount", "-o", "remount,ro", self.folder], check=True)
        self.wait_down()
        self.assertEqual(["HIT", "MISS"], self.get_all([first, second]))
        subprocess.run(["mount", "-o", "remount,rw", self.folder], check=True)
        self.wait_up()
        self.wait_kept(second)
        self.assertEqual(["HIT"], self.get_all([first]))


class Deleted(FaultTest):
    def test_a_folder_deleted_under_us_is_made_anew(self):
        self.edge_with()
        cars = self.cars_of("deleted", 100_000, 3 << 20)
        for one in cars:
            self.wait_kept(one)
        shutil.rmtree(self.folder)
        self.get_all(cars)
        wait_for(lambda: self.folder.exists() and self.is_up(), "the folder is there again", 30)
        wait_for(lambda: len(self.broker_lines("cache_down")) == 1, "the log says so")
        # Nothing is a hit for good that has no file: what workers hold in memory goes as well.
        wait_for(lambda: self.get_all(cars) and len(self.files()) == 2, "both are kept again", 20)
        for one in cars:
            self.wait_kept(one)


class Rot(FaultTest):
    def test_bit_rot_is_found_by_the_scrub_and_never_served(self):
        self.edge_with("1G", "--cache-scrub-mib-s", "1000")
        one, other = self.cars_of("rot", 3 << 20, 3 << 20)
        self.wait_kept(one)
        self.wait_kept(other)
        path = self.path_of(one[0])
        for process in (*self.edge.workers, self.edge.broker):
            process.stop()
        with open(path, "r+b") as file:
            file.seek(1_500_000)
            byte = file.read(1)
            file.seek(1_500_000)
            file.write(bytes([byte[0] ^ 1]))
        self.begin_again()
        wait_for(lambda: len(self.quarantined()) == 1, "the file is in quarantine", 30)
        wait_for(lambda: [row["root"] for row in self.entries()] == [other[0]], "its entry is gone")
        self.assertEqual(1, self.edge.metrics()["daphnis_cache_quarantined_total"])
        self.edge.wait_l2("home")
        self.assertEqual("HIT", self.edge.car(other[0]).headers["x-cache"])
        self.wait_kept(one)

    def test_a_file_that_is_cut_or_garbled_at_its_end_is_fetched_anew(self):
        self.edge_with()
        one, other = self.cars_of("cut", 3 << 20, 2 << 20)
        for root, _, pairs in (one, other):
            self.fill(root, pairs)
        cut, garbled = self.path_of(one[0]), self.path_of(other[0])
        # Another file under the same name, so that no worker has it open.
        for path, change in ((cut, lambda data: data[:len(data) // 2]),
                             (garbled, lambda data: data[:-64] + bytes(64))):
            data = path.read_bytes()
            path.unlink()
            path.write_bytes(change(data))
        for worker in range(2):
            self.edge.workers[worker].kill()
            self.edge.start_worker(worker)
        self.edge.wait_ready()
        self.assertEqual(["MISS", "MISS"], self.get_all([one, other]))
        wait_for(lambda: len(self.quarantined()) == 2, "both are in quarantine")
        self.wait_kept(one)
        self.wait_kept(other)


class SickDisk(FaultTest):
    @classmethod
    def begin(cls, world):
        cls.library = world.folder / "sick_disk.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", cls.library, SICK_DISK, "-ldl"],
                       check=True)

    def edge_with(self, *args, **options):
        self.control = self.world.folder / "sickness"
        with self.sick():
            return super().edge_with(*args, **options)

    @contextlib.contextmanager
    def sick(self):
        """What is started meanwhile has the disk that fall_sick() talks to."""
        old = dict(os.environ)
        os.environ.update(LD_PRELOAD=str(self.library), DAPHNIS_SICK_DISK=str(self.control))
        if ASAN:
            os.environ["ASAN_OPTIONS"] = "verify_asan_link_order=0"
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(old)

    def fall_sick(self, how, part):
        fresh = self.control.with_suffix(".new")
        fresh.write_text(f"{how} {part}")
        fresh.rename(self.control)

    def test_a_file_that_cannot_be_read_is_fetched_anew(self):
        self.edge_with("1G", "--cache-scrub-mib-s", "0", workers=1)
        (one,) = self.cars_of("eio", 3 << 20)
        self.fill(one[0], one[2])
        path = self.path_of(one[0])
        made = path.stat().st_mtime_ns
        self.fall_sick("eio", path.name)
        self.assertEqual(["MISS"], self.get_all([one]))
        self.control.unlink()
        wait_for(lambda: self.broker_lines("cache_file_lost"), "the broker is told")
        self.wait_kept(one)
        self.assertGreater(path.stat().st_mtime_ns, made)

    def test_the_rest_of_a_file_that_fails_while_it_is_sent_comes_from_an_l2(self):
        self.edge_with("1G", "--cache-scrub-mib-s", "0", workers=1)
        (one,) = self.cars_of("eio-open", 3 << 20)
        self.fill(one[0], one[2])
        self.wait_kept(one)
        path = self.path_of(one[0])
        made = path.stat().st_mtime_ns
        self.fall_sick("eio", path.name)
        response = self.edge.car(one[0])
        self.assertEqual("HIT", response.headers["x-cache"])
        self.assert_car(response, one[2])
        self.control.unlink()
        wait_for(lambda: self.broker_lines("cache_file_lost"), "the broker is told")
        self.wait_kept(one)
        self.assertGreater(path.stat().st_mtime_ns, made)

    def test_a_scrub_that_cannot_read_a_file_drops_it(self):
        self.edge_with("1G", "--cache-scrub-mib-s", "1000")
        one, other = self.cars_of("eio-scrub", 300_000, 300_000)
        self.wait_kept(one)
        self.wait_kept(other)
        cache_name = self.path_of(one[0]).name
        self.edge.broker.stop()  # It leaves a snapshot, so the scan will not look into files.
        self.fall_sick("eio", cache_name)
        with self.sick():
            self.edge.start_broker()
        self.edge.wait_ready()
        wait_for(lambda: len(self.quarantined()) == 1, "the file is in quarantine", 20)
        wait_for(lambda: [row["root"] for row in self.entries()] == [other[0]], "its entry is gone")

    def test_a_slow_disk_holds_up_nobody_else(self):
        self.edge_with("1G", "--cache-scrub-mib-s", "0", workers=1)
        slow, fast, tiny = self.cars_of("slow", 300_000, 2 << 20, 9_000)
        for root, _, pairs in (slow, fast, tiny):
            self.fill(root, pairs)
        for one in (fast, tiny):
            self.wait_kept(one)
        self.fall_sick("slow", self.path_of(slow[0]).name)
        waited = []

        def wait_long():
            started = time.monotonic()
            response = self.edge.car(slow[0], seconds=60)
            waited.append((time.monotonic() - started, response))
        client = threading.Thread(target=wait_long)
        client.start()
        longest, rounds = 0.0, 0
        while client.is_alive():
            for one in (fast, tiny):
                started = time.monotonic()
                self.assertEqual(["HIT"], self.get_all([one]))
                longest = max(longest, time.monotonic() - started)
            rounds += 1
        client.join()
        took, response = waited[0]
        self.assert_car(response, slow[2])
        self.assertGreaterEqual(took, 2)
        self.assertGreater(rounds, 5)
        self.assertLess(longest, 1.5)


class Killed(FaultTest):
    def test_a_file_stored_just_before_a_kill_is_found_without_a_snapshot(self):
        self.edge_with()
        cars = self.cars_of("killed", *[50_000 + 1000 * n for n in range(20)])
        for number, one in enumerate(cars):
            self.get_all([one])
            if number % 5 == 4:
                self.edge.broker.kill()
                self.edge.start_broker()
                self.edge.wait_ready()
                self.edge.wait_l2("home")
        wait_for(lambda: len(self.entries()) == len(self.files()), "the books are right", 20)
        for one in cars:
            self.wait_kept(one)
        self.assertEqual(20, len(self.files()))


del CacheBase  # Its tests are its own module's.

if __name__ == "__main__":
    import unittest
    unittest.main()
