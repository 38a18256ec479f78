"""Who may be an L2: tokens, lists of L2s, take-overs, reloads; and no token or secret anywhere."""

import base64
import hashlib
import hmac
import json
import os
import pathlib
import secrets
import signal
import subprocess
import threading
import time

from harness import Edge, EdgeTest, FakeL2, binary, car, free_port, over_tls, sends, wait_for

DAY = 86_400
ENDPOINTS = ("/healthz", "/readyz", "/l2s", "/workers", "/cache", "/metrics", "/nothing")


def token(secret, l2_id, seconds=365 * DAY):
    """Made apart from our code."""
    claim = f"{l2_id}.{int(time.time()) + seconds}"
    mac = hmac.new(secret.encode(), b"daphnis-l2\n" + claim.encode(), hashlib.sha256).digest()
    return claim + "." + base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


class Locked:
    """An edge that asks for tokens, and what must not be found anywhere."""

    def __init__(self, world, *flags, revoked="", exempt="", patient=True):
        self.world = world
        self.secret = secrets.token_hex(32)
        self.hidden = [self.secret]
        self.files = {name: world.folder / name for name in ("secrets", "revoked", "exempt")}
        self.write(secrets=self.secret, revoked=revoked, exempt=exempt)
        self.edge = Edge(world, patient=patient, broker_flags=[
            "--l2-auth", "token", "--l2-token-secrets", self.files["secrets"],
            "--l2-revoked", self.files["revoked"], "--l2-auth-exempt", self.files["exempt"],
            "--log-level", "debug", *flags])

    def write(self, **files):
        for name, text in files.items():
            fresh = self.world.folder / f"{name}.new"
            fresh.touch(0o600)
            fresh.write_text(text + "\n")
            fresh.rename(self.files[name])

    def reload(self, **files):
        self.write(**files)
        before = self.edge.broker.text().count("event=l2_auth_reloaded")
        self.edge.broker.signal(signal.SIGHUP)
        wait_for(lambda: self.edge.broker.text().count("event=l2_auth_reloaded") > before,
                 "the files are read anew")

    def token(self, l2_id, seconds=365 * DAY, secret=None):
        made = token(secret or self.secret, l2_id, seconds)
        self.hide(made)
        return made

    def hide(self, made):
        self.hidden.append(made.rsplit(".", 1)[-1])

    def l2(self, l2_id, answer=None, **options):
        """A scripted L2 with a good token, registered."""
        options.setdefault("token", self.token(l2_id))
        fake = self.edge.fake(l2_id, answer or sends(b""), **options)
        assert fake.status == 200, fake.head
        return fake

    def status(self, l2_id, **options):
        """How a registration is answered, and its head."""
        fake = FakeL2(self.edge.l2_port, l2_id, **options)
        fake.close()
        return fake.status, fake.head.decode().lower()

    def shown_anywhere(self):
        """Where something hidden is to be read: logs, statistics, endpoints, /proc."""
        places = {str(path): path.read_bytes() for path in self.world.folder.rglob("*")
                  if path.is_file() and path.suffix in (".log", ".ndjson")}
        for path in ENDPOINTS:
            places[path] = self.edge.admin(path).body
        for process in self.world._processes:
            for name in ("cmdline", "environ"):
                if process.running():
                    path = pathlib.Path(f"/proc/{process.pid}/{name}")
                    places[str(path)] = path.read_bytes()
        assert any("/proc/" in place for place in places)
        return [(place, text) for place, body in places.items() for text in self.hidden
                if text.encode() in body]


class Letting(EdgeTest):
    """One edge for all that is let in or not."""

    @classmethod
    def begin(cls, world):
        cls.locked = Locked(world, exempt="old-node", revoked="# lost\nbad-home")
        cls.edge = cls.locked.edge

    def tearDown(self):
        self.assertEqual([], self.locked.shown_anywhere())
        super().tearDown()

    def test_an_l2_with_a_token_is_let_in_and_serves(self):
        root, body, pairs = car.file_car(car.numbered("locked", 5000))
        home = self.locked.l2("home", sends(body))
        self.assertEqual(403, home.announce(add=[root], session="").status)
        self.assertEqual(200, home.announce(add=[root]).status)
        self.assert_car(self.edge.car(root), pairs)
        row = self.edge.l2s()["home"]
        self.assertEqual("token", row["let_in"])
        self.assertGreater(row["token_left_s"], 364 * DAY)

    def test_bad_tokens_are_refused_as_their_senders_can_bear_it(self):
        good = self.locked.token("home-7")
        lost = self.locked.token("lost")
        self.locked.reload(revoked=f"bad-home\n{hashlib.sha256(lost.encode()).hexdigest()}")
        cases = {
            "forged": ("home-7", token(secrets.token_hex(32), "home-7")),
            "expired": ("home-7", self.locked.token("home-7", -1)),
            "other_id": ("home-8", good),
            "revoked": ("lost", lost),
            "malformed": ("home-7", "x" * 300),
        }
        for reason, (l2_id, shown) in cases.items():
            with self.subTest(reason):
                self.locked.hide(shown)
                name = f'daphnis_l2_tokens_refused_total{{reason="{reason}"}}'
                before = self.edge.metrics()[name]
                status, head = self.locked.status(l2_id, token=shown)
                self.assertEqual(403, status, head)
                status, head = self.locked.status(l2_id, token=shown, legacy=True)
                self.assertEqual(503, status, "a deployed node never comes back after a 4xx")
                self.assertIn("retry-after: 3600", head)
                self.assertEqual(before + 2, self.edge.metrics()[name])
        for odd in ("h\u00f6me-7" + good[6:], good + "=", good[:-1], good + " x", ""):
            self.assertEqual(403, self.locked.status("home-7", token=odd)[0], odd)
        self.assertEqual(403, self.locked.status("bad-home", token=self.locked.token("bad-home"))[0])
        self.assertEqual(200, self.locked.status("home-7", token=good)[0])
        self.assertEqual(200, self.locked.status("lost", token=self.locked.token("lost", DAY))[0],
                         "another token of that id is good")

    def test_without_a_token_only_listed_nodes_are_let_in(self):
        status, head = self.locked.status("anybody")
        self.assertEqual(503, status)
        self.assertIn("retry-after: 3600", head)
        self.assertEqual(200, self.locked.status("old-node", legacy=True)[0])

    def test_no_connection_without_its_token_takes_an_id_and_its_owner_is_told(self):
        home = self.locked.l2("wanted")
        for shown in (None, self.locked.token("another")):
            for legacy in (True, False):
                self.assertNotEqual(200, self.locked.status("wanted", token=shown, legacy=legacy)[0])
        wait_for(lambda: home.notices, "the owner is told")
        self.assertEqual([{"notice": "contested", "reason": "bad_token"}], home.notices)
        self.assertEqual(1, self.edge.l2s()["wanted"]["session"])
        self.assertFalse(home.ended.is_set())
        self.assertIn("event=l2_contested l2=wanted", self.edge.broker.text())


class Reloading(EdgeTest):
    def locked(self, *flags, **options):
        return Locked(self.world, *flags, **options)

    def test_two_processes_with_one_id_and_one_token_do_not_fight(self):
        locked = self.locked()
        root, body, pairs = car.file_car(car.numbered("duel", 5000))
        stores = [self.world.subfolder(f"store{n}") for n in range(2)]
        for store in stores:
            (store / "file.car").write_bytes(body)
        file = self.world.folder / "token"
        file.touch(0o600)
        file.write_text(locked.token("duel"))
        owner = locked.edge.l2(stores[0], "duel", "--token-file", file)
        thief = self.world.start("thief", [
            binary("daphnis-l2"), "serve", *over_tls.l1_flags(locked.edge.l2_port),
            "--id", "duel", "--store", stores[1]])
        wait_for(lambda: "code=token_needed" in thief.text(), "the thief is refused")
        wait_for(lambda: "notice=contested" in owner.text(), "the owner is told")
        self.assert_car(locked.edge.car(root), pairs)
        self.assertEqual(1, locked.edge.l2s()["duel"]["session"])
        self.assertEqual(1, thief.text().count("event=registration_failed"),
                         "an hour lies between its tries")
        self.assertEqual([], locked.shown_anywhere())

    def test_an_l2_keeps_its_successor_and_comes_back_with_it(self):
        locked = self.locked()
        store = self.world.subfolder("store")
        file = self.world.folder / "token"
        file.touch(0o600)
        old = locked.token("home", 10 * DAY)
        file.write_text(old + "\n")
        # Its id is in the token.
        l2 = self.world.start("l2", [
            binary("daphnis-l2"), "serve", *over_tls.l1_flags(locked.edge.l2_port),
            "--store", store, "--token-file", file])
        locked.edge.wait_l2("home")
        wait_for(lambda: file.read_text().strip() != old, "the successor is kept")
        successor = file.read_text().strip()
        locked.hide(successor)
        self.assertEqual(0o600, file.stat().st_mode & 0o777)
        left = int(successor.split(".")[-2]) - time.time()
        self.assertAlmostEqual(90 * DAY, left, delta=600)
        self.assertIn("event=token_renewed", l2.text())
        self.assertEqual([], locked.shown_anywhere())
        # It shows what is in the file.
        locked.reload(revoked=hashlib.sha256(old.encode()).hexdigest())
        wait_for(lambda: "its token was revoked" in l2.text(), "its registration ends")
        wait_for(lambda: "home" in locked.edge.l2s(), "it comes back with the successor", 30)
        self.assertEqual(403, locked.status("home", token=old)[0], "the old one is of no use")
        self.assertEqual([], locked.shown_anywhere())

    def test_secrets_are_rotated_and_l2s_revoked_under_load(self):
        locked = self.locked("--heartbeat-ms", "200", patient=True)
        root, body, pairs = car.file_car(car.numbered("load", 50_000))
        stay = [locked.l2(f"stay-{n}", sends(body)) for n in range(4)]
        go = [locked.l2(f"go-{n}", sends(body)) for n in range(4)]
        failed, stop = [], threading.Event()

        def ask():
            while not stop.is_set():
                answer = locked.edge.car(root)
                if answer.status != 200 or not answer.complete:
                    failed.append(answer)
        threads = [threading.Thread(target=ask, daemon=True) for _ in range(3)]
        for thread in threads:
            thread.start()
        self.addCleanup(stop.set)
        fresh = secrets.token_hex(32)
        locked.hidden.append(fresh)
        locked.reload(secrets=f"{fresh}\n{locked.secret}", revoked="go-0\ngo-1")
        wait_for(lambda: all(l2.tokens for l2 in stay), "all get their successors")
        for l2 in stay + go:
            for made in l2.tokens:
                locked.hide(made)
        locked.reload(secrets=fresh, revoked="go-0\ngo-1\ngo-2\ngo-3")
        wait_for(lambda: all(l2.ended.is_set() for l2 in go), "the revoked ones are out")
        stop.set()
        for thread in threads:
            thread.join(30)
        self.assertEqual([], failed)
        rows = locked.edge.l2s()
        self.assertEqual({l2.id for l2 in stay}, set(rows))
        self.assertEqual({1}, {row["session"] for row in rows.values()}, "none was dropped")
        self.assertEqual(403, locked.status("stay-0", token=locked.token("stay-0"))[0])
        self.assertEqual(200, locked.status("stay-0", token=stay[0].tokens[-1])[0])
        for l2 in go:
            self.assertEqual(403, locked.status(l2.id, token=locked.token(l2.id))[0])
        self.assertEqual([], locked.shown_anywhere())

    def test_the_upload_of_a_revoked_l2_fails_over_in_mid_answer(self):
        attempts = self.world.folder / "attempts.ndjson"
        locked = self.locked("--attempts-file", attempts)
        root, body, pairs = car.file_car(car.numbered("cut", 3_000_000))
        begun = threading.Event()

        def stands_still(l2, order):
            upload = l2.upload(order)
            upload.send(body[:2_000_000])
            begun.set()
            l2.results.append(upload.answer())
        bad = locked.l2("bad", stands_still)
        self.assertEqual(200, bad.announce(add=[root]).status)
        answers = []
        client = threading.Thread(target=lambda: answers.append(locked.edge.car(root)), daemon=True)
        client.start()
        self.assertTrue(begun.wait(10))
        locked.l2("good", sends(body))
        locked.reload(revoked="bad")
        client.join(20)
        self.assertTrue(answers, "the client is answered")
        self.assert_car(answers[0], pairs)
        self.assertEqual(410, bad.wait_results(1).status)
        self.assertTrue(bad.ended.wait(5))
        wait_for(lambda: ("bad", "cancelled") in [
            (row["l2"], row["outcome"]) for row in map(json.loads, attempts.read_text().split("\n")[:-1])],
                 "its attempt was ended, and not overtaken")

    def test_a_bad_file_at_a_reload_changes_nothing_and_is_told(self):
        locked = self.locked()
        home = locked.l2("home")
        locked.reload(secrets="short", revoked="no id at all")
        self.assertEqual(2, locked.edge.metrics()["daphnis_l2_auth_files_bad_total"])
        self.assertEqual(2, locked.edge.broker.text().count("event=l2_auth_file_not_taken"))
        self.assertFalse(home.ended.is_set())
        self.assertEqual(200, locked.status("other", token=locked.token("other"))[0])
        locked.files["secrets"].chmod(0o644)
        locked.reload()
        self.assertIn("chmod 600", locked.edge.broker.text())
        self.assertEqual([], locked.shown_anywhere())


class Settings(EdgeTest):
    def setUp(self):
        self.secret = secrets.token_hex(32)
        self.file = self.world.folder / "secrets"
        self.file.touch(0o600)
        self.file.write_text(f"# made today\n{self.secret}\n")

    def broker(self, *arguments, env=None):
        return subprocess.run([binary("daphnis-broker"), *map(str, arguments)], text=True,
                              capture_output=True, check=False, timeout=60,
                              env={**os.environ, **(env or {})})

    def test_a_token_is_minted_by_one_command_that_prints_nothing_else(self):
        done = self.broker("mint-token", "home.7", "--days", 30, "--l2-token-secrets", self.file)
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        claim, mac = done.stdout.strip().rsplit(".", 1)
        self.assertEqual(f"{claim}.{mac}\n", done.stdout)
        l2_id, until = claim.rsplit(".", 1)
        self.assertEqual("home.7", l2_id)
        self.assertAlmostEqual(30 * DAY, int(until) - time.time(), delta=60)
        made = hmac.new(self.secret.encode(), f"daphnis-l2\n{claim}".encode(), hashlib.sha256)
        self.assertEqual(base64.urlsafe_b64encode(made.digest()).decode().rstrip("="), mac)

    def test_nothing_is_minted_without_a_good_request(self):
        for arguments in (["mint-token", "home"], ["mint-token", "home", "--days", "0"],
                          ["mint-token", "a b", "--days", "1"], ["mint-token", "--days", "1"]):
            done = self.broker(*arguments, "--l2-token-secrets", self.file)
            self.assertEqual((2, ""), (done.returncode, done.stdout), arguments)
        self.assertEqual(2, self.broker("mint-token", "home", "--days", "1").returncode)

    def test_secrets_that_others_may_read_are_refused(self):
        for mode in (0o640, 0o604, 0o620):
            self.file.chmod(mode)
            done = self.broker("mint-token", "home", "--days", 1, "--l2-token-secrets", self.file)
            self.assertEqual((2, ""), (done.returncode, done.stdout))
            self.assertIn(f"mode {mode:04o}", done.stderr)
            self.assertNotIn(self.secret, done.stderr)
        # systemd gives them to its service alone.
        done = self.broker("mint-token", "home", "--days", 1, "--l2-token-secrets", self.file,
                           env={"CREDENTIALS_DIRECTORY": str(self.world.folder)})
        self.assertEqual(0, done.returncode, done.stderr)

    def test_what_would_be_open_or_read_along_must_be_said_twice(self):
        tokens = ["--l2-auth", "token", "--l2-token-secrets", self.file]
        everywhere = ["--l2-listen", f"0.0.0.0:{free_port()}"]
        loopback = ["--l2-listen", "127.0.0.1:1", "--l2-listen", "[::1]:1"]
        proxied = [*loopback, "--trust-proxy", "127.0.0.1", "--l2-proxy-listen", "127.0.0.1:2"]
        proxied_everywhere = [*proxied, "--l2-proxy-listen", "0.0.0.0:3"]
        for wanted, arguments in (
                (0, loopback), (0, [*loopback, *tokens]),
                (2, everywhere), (0, [*everywhere, "--l2-open-to-all"]),
                (2, ["--l2-listen", ":1"]), (2, ["--l2-listen", "edge.example.org:1"]),
                (2, [*loopback, *everywhere]),
                (2, [*everywhere, *tokens]), (0, [*everywhere, *tokens, "--l2-token-in-clear"]),
                (2, [*everywhere, *tokens, "--l2-open-to-all"]),
                # A proxy lets in others wherever it connects from, and may be what encrypts.
                (2, proxied), (0, [*proxied, "--l2-open-to-all"]), (0, [*proxied, *tokens]),
                (2, [*proxied_everywhere, *tokens]),
                (0, [*proxied_everywhere, *tokens, "--l2-token-in-clear"]),
                (2, ["--l2-auth", "token"]), (2, ["--l2-token-secrets", self.file]),
                (2, ["--l2-revoked", self.file]), (2, ["--l2-auth-exempt", self.file]),
                (2, ["--l2-auth", "token", "--l2-token-secrets", "/nothing"]),
                (2, [*tokens, "--l2-revoked", "/nothing"])):
            done = self.broker(*arguments, "--check-config")
            self.assertEqual(wanted, done.returncode, (arguments, done.stderr))
            self.assertNotIn(self.secret, done.stdout + done.stderr)

    def test_a_token_file_that_is_none_is_refused_at_the_start(self):
        store = self.world.subfolder("store")
        file = self.world.folder / "token"
        good = token(self.secret, "home")
        for text, l2_id in (("nonsense-" + self.secret, ""), (good, "other")):
            file.write_text(text)
            done = subprocess.run(
                [binary("daphnis-l2"), "serve", "--l1", "http://127.0.0.1:1", "--store", store,
                 "--token-file", file, *(["--id", l2_id] if l2_id else [])],
                text=True, capture_output=True, check=False, timeout=60)
            self.assertEqual(2, done.returncode)
            self.assertNotIn(self.secret, done.stderr)
            self.assertNotIn(good[-43:], done.stderr)
