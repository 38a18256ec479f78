"""An evil L2 sends exactly the bytes of every fixture, as a v2 and as a legacy L2: each verdict is
reached, no block past the good ones leaves, and nothing rejected looks complete to any client."""

import http.client
import json
import pathlib
import socket
import struct
import subprocess
import time
import urllib.error
import urllib.request

from harness import ASAN, Connection, Edge, EdgeTest, car, curl, fixture, fixture_index, sends

CLIENTS = pathlib.Path(__file__).parent / "clients"


def key(raw):
    return car.split_cid(raw)[1:]


class Entry:
    """One fixture of INDEX.json and what an edge must make of it."""

    def __init__(self, row):
        self.name, self.root, self.request = row["file"], row["root"], row["request"]
        self.body = fixture(row["file"])
        self.verdict = row["verdict"]
        accepted = self.verdict.startswith(("ACCEPT", "client response COMPLETE"))
        self.accept = accepted or "dag-scope=all: ACCEPT" in self.verdict
        self.proves_absence = "proof of absence" in self.verdict
        self.is_v2_car = self.name.startswith("valid/carv2")
        sections = [] if self.is_v2_car else car.blocks(self.body, whole=False)
        self.good = [pair for pair in sections if key(pair[0])[1] != car.IDENTITY]
        most = row.get("okBlocks", row.get("blocks", 0) if self.accept else len(self.good))
        self.ok_blocks = 0 if self.is_v2_car else most
        path, _, query = self.request.partition("?")
        self.whole = path == f"/ipfs/{self.root}" and "dag-scope=all" in query
        keys = [key(raw) for raw, _ in self.good]
        self.repeats = len(keys) != len(set(keys))

    def expected(self):
        """What comes out of an accepted one."""
        return self.good[:self.ok_blocks]


class Clients:
    """The clients that must not be fooled: curl, node's http and fetch, python's urllib."""

    def __init__(self):
        self.node = subprocess.Popen(["node", CLIENTS / "node_clients.mjs"], text=True,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def close(self):
        self.node.stdin.close()
        self.node.wait(10)
        self.node.stdout.close()

    def fooled(self, url):
        """The names of the clients that took the answer for a complete 200."""
        self.node.stdin.write(url + "\n")
        self.node.stdin.flush()
        node = json.loads(self.node.stdout.readline())
        names = [name for name, got in node.items() if got["complete"] and got["status"] == 200]
        if curl(url, "--fail")[0] == 0:
            names.append("curl")
        try:
            with urllib.request.urlopen(url, timeout=30) as response:
                response.read()
            names.append("urllib")
        except (urllib.error.HTTPError, http.client.HTTPException, OSError):
            pass
        return names


class Evil(EdgeTest):
    @classmethod
    def begin(cls, world):
        index = fixture_index()
        cls.entries = [Entry(row) for row in index if row.get("file")]
        cls.by_name = {entry.name: entry for entry in cls.entries}
        cls.edge = Edge(world, workers=1, patient=True)
        cls.clients = Clients()
        world.on_close(cls.clients.close)

    def ask(self, l2_id, body, request, legacy, also=None):
        """The answer to a request while one L2 sends these bytes for whatever it is asked."""
        fake = self.edge.fake(l2_id, sends(body), legacy=legacy)
        try:
            response = self.edge.get(request)
            return response, also(self.edge.url(request)) if also else None
        finally:
            fake.close()
            self.edge.wait_l2_gone(l2_id)

    def assert_blocks(self, entry, response, expected):
        self.assertEqual(200, response.status, response)
        self.assertTrue(response.complete, response)
        header = car.header([car.from_text(entry.root)])
        self.assertTrue(response.body.startswith(header), "our own header, the requested root")
        got = car.blocks(response.body)
        self.assertEqual([(key(raw), data) for raw, data in expected],
                         [(key(raw), data) for raw, data in got])

    def assert_rejected(self, entry, response, fooled):
        self.assertFalse(response.status == 200 and response.complete, response)
        got = car.blocks(response.body, whole=False) if response.status == 200 else []
        self.assertLessEqual(len(got), entry.ok_blocks)
        for raw, data in got:
            self.assertTrue(car.digest_holds(raw, data))
        self.assertEqual([pair for pair in entry.good[:len(got)]], got)
        self.assertEqual([], fooled, "took the rejected answer for complete")

    def run_entry(self, number, entry, legacy):
        rejected = None if entry.accept else self.clients.fooled
        name = f"{'legacy' if legacy else 'v2'}-{number}"
        response, fooled = self.ask(name, entry.body, entry.request, legacy, rejected)
        if not entry.accept:
            self.assert_rejected(entry, response, fooled)
        elif entry.proves_absence and response.status == 404:
            self.assertTrue(response.complete)
        elif legacy and (not entry.whole or entry.repeats):
            # Not what a legacy L2 sends for this: an answer may be refused, but never be wrong.
            if response.status == 200 and response.complete:
                self.assert_blocks(entry, response, entry.expected())
        else:
            self.assert_blocks(entry, response, entry.expected())

    def whole_set(self, legacy):
        self.assertGreater(len(self.entries), 140)
        worker = self.edge.workers[0]
        response, _ = self.ask("warm-up", self.by_name["valid/adv-base.car"].body,
                               self.by_name["valid/adv-base.car"].request, legacy)
        self.assertEqual(200, response.status)
        before = worker.rss_kib()
        for number, entry in enumerate(self.entries):
            with self.subTest(entry.name, verdict=entry.verdict):
                self.run_entry(number, entry, legacy)
        growth = worker.rss_kib() - before
        print(f"{len(self.entries)} fixtures, worker RSS {before} + {growth} KiB", flush=True)
        if not ASAN:
            self.assertLess(growth, 16 * 1024)

    def test_every_fixture_from_a_v2_l2(self):
        self.whole_set(legacy=False)

    def test_every_fixture_from_a_legacy_l2(self):
        self.whole_set(legacy=True)

    # --- A legacy L2 sends the whole DAG without repeats, whatever was asked ---

    def legacy_whole(self, whole_name, prefix):
        whole = self.by_name[whole_name]
        entries = [e for e in self.entries if e.name.startswith(prefix) and e.root == whole.root
                   and e.accept and not e.proves_absence]
        self.assertTrue(entries)
        for number, entry in enumerate(entries):
            with self.subTest(entry.name):
                response, _ = self.ask(f"whole-{number}", whole.body, entry.request, True)
                self.assert_blocks(entry, response, entry.expected())

    def test_paths_and_scopes_are_cut_out_of_a_legacy_l2s_whole_directory(self):
        self.legacy_whole("valid/dir-mixed-dups-n.car", "valid/path/dir-")

    def test_paths_and_scopes_are_cut_out_of_a_legacy_l2s_whole_hamt(self):
        self.legacy_whole("valid/hamt-3000.car", "valid/path/hamt-")

    def test_paths_are_cut_out_of_a_legacy_l2s_dag_cbor(self):
        data = self.by_name["valid/dag-cbor.car"]
        seen, pairs = set(), []
        for raw, body in data.good:
            if key(raw) not in seen:
                seen.add(key(raw))
                pairs.append((raw, body))
        whole = car.car(car.from_text(data.root), pairs)
        for entry in self.entries:
            if entry.name.startswith("valid/path/dag-cbor"):
                with self.subTest(entry.name):
                    response, _ = self.ask("cbor", whole, entry.request, True)
                    self.assert_blocks(entry, response, entry.expected())

    def test_repeats_that_an_l2_omitted_are_put_back_where_dups_y_is_asked(self):
        asked = self.by_name["valid/unixfs-1mib-zeros-dups-y.car"]
        sent = self.by_name["valid/unixfs-1mib-zeros-dups-n.car"]
        for legacy in (True, False):
            with self.subTest(legacy=legacy):
                response, _ = self.ask("omits", sent.body, asked.request, legacy)
                self.assert_blocks(asked, response, asked.expected())
        asked = self.by_name["valid/dir-mixed.car"]
        sent = self.by_name["valid/dir-mixed-dups-n.car"]
        response, _ = self.ask("omits", sent.body, asked.request, True)
        self.assert_blocks(asked, response, asked.expected())

    def test_ranges_are_cut_out_of_what_a_legacy_l2_sends(self):
        index = fixture_index()
        entries = [row for row in index if row.get("kind") == "expect"]
        self.assertTrue(entries)
        for row in entries:
            with self.subTest(row["request"]):
                body = fixture(row["of"])
                response, _ = self.ask("ranges", body, row["request"], True)
                self.assertEqual((200, True), (response.status, response.complete), response)
                got = [car.text(raw) for raw, _ in car.blocks(response.body)]
                self.assertEqual(row["cids"], got)


class Wire(EdgeTest):
    """Right bytes in a wrong envelope: no cut, however made, looks complete."""

    @classmethod
    def begin(cls, world):
        cls.edge = Edge(world, workers=1, patient=True)
        cls.clients = Clients()
        world.on_close(cls.clients.close)
        cls.root, cls.body, cls.pairs = car.file_car(car.numbered("wire", 900_000))

    def test_every_way_to_cut_a_body(self):
        part = self.body[:700_000]

        def fin(l2, order):
            upload = l2.upload(order, [("Content-Length", len(self.body))])
            upload.send(part)
            upload.close()

        def rst(l2, order):
            upload = l2.upload(order, [("Content-Length", len(self.body))])
            upload.send(part)
            upload.connection.socket.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            upload.close()

        def short(l2, order):
            l2.post(order, part, headers=[("Content-Length", len(part))])

        def no_last_chunk(l2, order):
            upload = l2.upload(order)
            upload.send(part)
            upload.connection.shut_down()
            l2.results.append(upload.answer())

        def ended_chunks(l2, order):
            l2.post(order, part)

        def broken_chunk(l2, order):
            upload = l2.upload(order)
            upload.send(part)
            upload.connection.send(b"zz\r\nhello\r\n")
            l2.results.append(upload.answer())
        url = f"/ipfs/{self.root}?format=car"
        for cut in (fin, rst, short, no_last_chunk, ended_chunks, broken_chunk):
            with self.subTest(cut.__name__):
                fake = self.edge.fake(cut.__name__.replace("_", "-"), cut)
                started = time.monotonic()
                try:
                    response = self.edge.get(url)
                    self.assertLess(time.monotonic() - started, 5, "the cut is noticed at once")
                    fooled = self.clients.fooled(self.edge.url(url))
                finally:
                    fake.close()
                    self.edge.wait_l2_gone(fake.id)
                self.assertFalse(response.status == 200 and response.complete, response)
                got = car.blocks(response.body, whole=False) if response.status == 200 else []
                self.assertEqual(self.pairs[:len(got)], got)
                self.assertEqual([], fooled)

    def test_a_cut_reaches_an_http_10_client_as_a_reset(self):
        """Its body ends by close, so that a mere close would look whole."""
        fake = self.edge.fake("cut-10", sends(self.body[:700_000]))
        with Connection(self.edge.client_port) as client:
            client.send(f"GET /ipfs/{self.root}?format=car HTTP/1.0\r\nHost: x\r\n\r\n")
            response = client.response()
        fake.close()
        self.edge.wait_l2_gone(fake.id)
        self.assertFalse(response.status == 200 and response.complete, response)

    def test_more_body_than_the_car_is_complete_and_goes_no_further(self):
        fake = self.edge.fake("longer", sends(self.body + b"\0" * 5000))
        self.assert_car(self.edge.get(f"/ipfs/{self.root}?format=car"), self.pairs)
        fake.close()
        self.edge.wait_l2_gone(fake.id)
