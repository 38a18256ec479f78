"""The reference L2 over TLS: against an edge, and against scripted L1s that are odd about it."""

import os
import signal
import ssl
import subprocess

from harness import Edge, EdgeTest, binary, car, free_port, over_tls, wait_for
from harness.certificates import Ca, ticket_keys

from fake_l1 import FakeL1

MIB = 1 << 20


def setUpModule():
    over_tls.skip_module(over_tls.HAS_ITS_OWN)


class Home:
    """An L2's process, and what its log says."""

    def __init__(self, world, name, store, *flags):
        self.process = world.start(name, [binary("daphnis-l2"), "serve", "--id", name,
                                          "--store", store, *flags])

    def says(self, *parts):
        wait_for(lambda: all(part in self.process.text() for part in parts),
                 f"the log says {parts}", 20)


def server_context(certificate, ca=None):
    """An ssl context of an L1 that shows that certificate, and with `ca` wants one of the L2."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.cert, certificate.key)
    if ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(ca.cert)
    return context


class OverTls(EdgeTest):
    """An edge whose port for L2s in plain text has one for TLS beside it."""

    @classmethod
    def begin(cls, world):
        cls.ca = Ca(world.subfolder("ca"))
        cls.port = free_port()
        keys = ticket_keys(world.subfolder("tickets") / "keys")
        # Without spools, so that an L2 sends no faster than its client reads.
        cls.edge = Edge(world, workers=1, patient=True, broker_flags=[
            "--spool-dir", "none", "--l2-tls-listen", f"127.0.0.1:{cls.port}",
            *cls.ca.issue("edge").flags, "--tls-ticket-keys", str(keys)])

    def home(self, name, *flags, **files):
        store = self.world.subfolder(name)
        for file, content in files.items():
            (store / f"{file}.car").write_bytes(content)
        return Home(self.world, name, store, *flags)

    def flags(self, host="127.0.0.1"):
        return ["--l1", f"https://{host}:{self.port}", "--ca", self.ca.cert]

    def handshakes(self, result):
        return self.edge.metrics()[f'daphnis_l2_handshakes_total{{result="{result}"}}']

    def test_it_serves_an_edge_and_resumes_its_sessions(self):
        root, file, pairs = car.file_car(os.urandom(3 * MIB))
        home = self.home("home", *self.flags(), one=file)
        wait_for(lambda: self.edge.l2s().get("home", {}).get("holdings") == 1, "it is registered")
        self.assert_car(self.edge.car(root), pairs)
        home.says("event=upload", "outcome=sent")
        # The holdings and the data came on connections of their own.
        self.assertGreaterEqual(self.handshakes("resumed"), 2)
        self.assertEqual(1, self.handshakes("full"))
        self.edge.broker.kill()
        home.says("event=registration_lost")
        self.edge.start_broker()
        self.edge.wait_ready()
        self.edge.wait_l2("home", 20)
        self.assertEqual(0, self.handshakes("full"), "its tickets outlive the broker")
        home.process.signal(signal.SIGTERM)
        self.edge.wait_l2_gone("home")
        self.assertEqual(0, home.process.wait(10))

    def test_it_stops_sending_once_nobody_waits(self):
        root, file, _ = car.file_car(os.urandom(48 * MIB), leaf=MIB)
        home = self.home("early", *self.flags(), one=file)
        wait_for(lambda: self.edge.l2s().get("early", {}).get("holdings") == 1, "it is registered")
        client = subprocess.Popen(["curl", "-sN", "--limit-rate", "200k", "-o", "/dev/null",
                                   self.edge.url(f"/ipfs/{root}?format=car")])
        self.world.on_close(client.kill)
        wait_for(lambda: self.edge.l2s()["early"]["in_flight"] == 1, "the upload is under way")
        client.kill()
        client.wait()
        home.says("outcome=cut", "the L1 wants no more")
        home.process.stop()

    def test_it_says_why_there_is_no_session(self):
        home = self.home("stranger", "--l1", f"https://127.0.0.1:{self.port}")
        home.says('signed by \\"a CA of tests\\", which is not trusted here', "by --ca")
        home.process.stop()
        home = self.home("plain", "--l1", f"http://127.0.0.1:{self.port}")
        home.says(f"--l1 https://127.0.0.1:{self.port}")
        home.process.stop()
        home = self.home("tls", "--l1", f"https://127.0.0.1:{self.edge.l2_port}")
        home.says("the peer does not speak TLS", f"--l1 takes http://127.0.0.1:{self.edge.l2_port}")
        home.process.stop()


class OddL1s(EdgeTest):
    @classmethod
    def begin(cls, world):
        cls.ca = Ca(world.subfolder("ca"))
        cls.store = world.subfolder("store")

    def l1(self, certificate, ca=None):
        fake = FakeL1(context=server_context(certificate, ca))
        self.world.on_close(fake.close)
        return fake

    def dial(self, l1, *flags, host="localhost"):
        home = Home(self.world, f"home-{l1.port}", self.store, "--l1", f"https://{host}:{l1.port}",
                    "--ca", self.ca.cert, *flags)
        self.addCleanup(home.process.stop)
        return home

    def test_a_certificate_for_another_name_is_not_taken(self):
        l1 = self.l1(self.ca.issue("other", ("one.test", "two.test")))
        self.dial(l1).says("the certificate is for one.test, two.test, and not for localhost",
                           "as its certificate does")
        self.assertEqual([], l1.registrations)

    def test_a_certificate_that_has_expired_is_not_taken(self):
        l1 = self.l1(self.ca.issue("expired", days=-1))
        self.dial(l1).says("the certificate has expired on 20", "the clock of this machine")
        self.assertEqual([], l1.registrations)

    def test_an_l1_that_wants_a_certificate_gets_ours(self):
        l1 = self.l1(self.ca.issue("strict"), self.ca)
        home = self.dial(l1)
        home.says("the peer refused: certificate required", "by --cert and --key")
        home.process.stop()
        ours = self.ca.issue("ours", cn="home-7")
        home = self.dial(l1, "--cert", ours.cert, "--key", ours.key)
        wait_for(l1.registered, "it registers with a certificate")
        home.process.stop()
        theirs = Ca(self.world.subfolder("other"), "another CA of tests").issue("theirs")
        home = self.dial(l1, "--cert", theirs.cert, "--key", theirs.key)
        home.says("the peer refused: unknown CA", "for a new certificate")

    def refused(self, *flags):
        done = subprocess.run([binary("daphnis-l2"), "serve", "--store", self.store,
                               "--check-config", *map(str, flags)], capture_output=True, text=True,
                              timeout=30)
        self.assertEqual(2, done.returncode, done.stderr)
        return done.stderr

    def test_settings_that_cannot_work_are_refused(self):
        l1 = ["--l1", "https://edge.test"]
        ours, other = self.ca.issue("mine"), self.ca.issue("another")
        self.assertIn("--key", self.refused(*l1, "--cert", ours.cert))
        self.assertIn("for https", self.refused("--l1", "http://edge.test", "--ca", self.ca.cert))
        self.assertIn("is not the key of", self.refused(*l1, "--cert", ours.cert, "--key", other.key))
        self.assertIn("holds no certificate", self.refused(*l1, "--ca", ours.key))
        self.assertIn("cannot open", self.refused(*l1, "--ca", self.world.folder / "absent"))
        ours.key.chmod(0o644)
        self.assertIn("chmod 600", self.refused(*l1, "--cert", ours.cert, "--key", ours.key))
