"""A trustless gateway as others see it: the answers of a reference L2, and the public
tools of IPFS."""

import filecmp
import os
import pathlib
import re
import subprocess

from harness import Edge, EdgeTest, binary, car, fixture, fixture_index

NPM = pathlib.Path(__file__).parent / "npm"


def node(*arguments, seconds=120, **options):
    done = subprocess.run(["node", *map(str, arguments)], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds,
                          **options)
    return done.returncode, done.stdout


def same_tree(a, b):
    """The difference of two folders as text; '' where there is none."""
    compared = filecmp.dircmp(a, b)
    odd = compared.left_only + compared.right_only + compared.funny_files
    odd += filecmp.cmpfiles(a, b, compared.common_files, shallow=False)[1]
    below = [same_tree(os.path.join(a, d), os.path.join(b, d)) for d in compared.common_dirs]
    return " ".join(odd + [text for text in below if text])


class Answers(EdgeTest):
    def test_expected_answers_of_the_reference_l2_hold_exactly_their_blocks(self):
        edge = Edge(self.world, patient=True)
        rows = [row for row in fixture_index()
                if row.get("kind") == "expect"]
        self.assertTrue(rows)
        store = self.world.subfolder("store")
        for name in {row["of"] for row in rows}:
            (store / pathlib.Path(name).name).write_bytes(fixture(name))
        edge.l2(store, "home")
        for row in rows:
            with self.subTest(row["request"]):
                response = edge.get(row["request"])
                self.assertEqual((200, True), (response.status, response.complete), response)
                got = car.blocks(response.body)
                self.assertEqual(row["cids"], [car.text(raw) for raw, _ in got])
                self.assertTrue(all(car.digest_holds(raw, data) for raw, data in got))

    def test_carv2_files_are_taken_into_a_store_and_served_as_carv1(self):
        whole = car.blocks(fixture("valid/dir-mixed.car"))
        for name in ("carv2-indexed", "carv2-noindex", "carv2-padded"):
            with self.subTest(name):
                edge = Edge(self.world, workers=1, patient=True)
                store = self.world.subfolder(name)
                (store / "two.car").write_bytes(fixture(f"valid/{name}.car"))
                edge.l2(store, "home")
                response = edge.car(car.text(whole[0][0]), "&car-dups=y")
                self.assert_car(response, whole)


class PublicTools(EdgeTest):
    """Needs `npm ci` in the folder npm (tests/run does it)."""

    @classmethod
    def begin(cls, world):
        if not (NPM / "node_modules").exists():
            raise AssertionError("run `npm ci` in tests/integration/npm first")
        cls.edge = Edge(world, patient=True)

    def ipfs_car(self, *arguments):
        code, output = node(NPM / "node_modules" / "ipfs-car" / "bin.js", *arguments)
        self.assertEqual(0, code, output)
        return output

    def folder(self):
        """Files of all sizes, some alike, in nested folders."""
        folder = self.world.subfolder("folder")
        for number, size in enumerate((0, 1, 1000, 1 << 20, (3 << 20) + 17, 200_000)):
            below = folder / ("." if number % 2 else f"sub {number}/ünï")
            below.mkdir(parents=True, exist_ok=True)
            (below / f"file-{number}.bin").write_bytes(car.numbered(f"ipfs-car{number}", size))
        (folder / "zeros").write_bytes(bytes(4 << 20))
        (folder / "again").write_bytes(car.numbered("ipfs-car4", (3 << 20) + 17))
        return folder

    def test_a_folder_packed_by_ipfs_car_comes_out_and_is_unpacked_by_ipfs_car(self):
        folder, store = self.folder(), self.world.subfolder("store")
        root = self.ipfs_car("pack", folder, "--output", store / "folder.car").split()[0]
        packed = car.blocks((store / "folder.car").read_bytes())
        self.assertNotEqual(root, car.text(packed[0][0]), "ipfs-car writes the root last")
        l2 = self.edge.l2(store, "ipfs-car")
        for dups in ("y", "n"):
            with self.subTest(dups=dups):
                answer = self.world.folder / f"answer-{dups}.car"
                subprocess.run(["curl", "-sS", "--fail", "-o", answer, self.edge.url(
                    f"/ipfs/{root}?format=car&car-dups={dups}")], check=True)
                self.in_walk_order(answer, root, dups == "y")
                out = self.world.folder / f"out-{dups}"
                self.ipfs_car("unpack", answer, "--output", out)
                inner = out / root if (out / root).is_dir() else out
                self.assertEqual("", same_tree(folder, inner))
        l2.stop()
        self.edge.wait_l2_gone("ipfs-car")

    def in_walk_order(self, path, root, dups):
        got = car.blocks(path.read_bytes())
        store = {car.split_cid(raw)[1:]: data for raw, data in got}
        order = car.walk(car.from_text(root), store)
        if not dups:
            order = list(dict.fromkeys(order))
        self.assertEqual([car.text(raw) for raw in order], [car.text(raw) for raw, _ in got])

    def test_pack_makes_the_cid_that_ipfs_car_makes_and_unpack_reads_both(self):
        for size in (0, 1, 1 << 20, (1 << 20) + 1, (5 << 20) + 3):
            with self.subTest(size):
                plain = self.world.folder / "plain.bin"
                plain.write_bytes(car.numbered(f"pack{size}", size))
                ours, theirs = (self.world.folder / name for name in ("ours.car", "theirs.car"))
                root = self.ipfs_car("pack", plain, "--no-wrap", "--output", theirs).split()[0]
                said = subprocess.run([binary("daphnis-l2"), "pack", plain, "-o", ours, "--force"],
                                      check=True, capture_output=True, text=True).stdout
                self.assertIn(root, said)
                for made in (ours, theirs):
                    out = self.world.folder / "unpacked"
                    subprocess.run([binary("daphnis-l2"), "unpack", made, "-o", out], check=True,
                                   capture_output=True)
                    self.assertEqual(plain.read_bytes(), out.read_bytes())
                    out.unlink()

    def test_random_dags_read_by_the_public_tools_are_the_same_bytes(self):
        seed = int(os.environ.get("DAPHNIS_SEED", "7"))
        folder = self.world.subfolder("random")
        code, output = node(NPM / "differential.mjs", "make", folder, seed, 30)
        self.assertEqual(0, code, output)
        l2 = self.edge.l2(folder / "store", "random")
        code, output = node(NPM / "differential.mjs", "check", folder, self.edge.url(""))
        print(f"seed {seed}: {output[-3000:]}", flush=True)
        self.assertEqual(0, code, output[-3000:])
        self.assertRegex(output, re.compile(r"^[1-9]\d+ passed, 0 failed$", re.MULTILINE))
        l2.stop()
        self.edge.wait_l2_gone("random")
