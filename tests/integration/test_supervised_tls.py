"""deploy/daphnis with certificates: https for clients, and L2s that show certificates and deliver to
the workers themselves, also while the workers are replaced."""

import json
import os
import ssl
import subprocess
import threading
import urllib.request

from harness import binary, car, free_port, get, wait_for
from harness.certificates import Ca
from harness.names import Names
from harness.supervised import SUPERVISOR
from test_supervised import Supervised

HOST = "edge.test"
FILES = 6


class Certificates(Supervised):
    def setUp(self):
        super().setUp()
        self.ca = Ca(self.world.subfolder("ca"))
        self.https, self.l2_tls = free_port(), free_port()
        self.files = [car.file_car(os.urandom(100_000))[:2] for _ in range(FILES)]
        certificate = self.ca.issue("edge", ["IP:127.0.0.1", HOST, f"*.data.{HOST}"])
        self.supervise(
            "--listen", f"127.0.0.1:{self.clients}", "--tls-listen", f"127.0.0.1:{self.https}",
            "--l2-listen", f"127.0.0.1:{self.l2s}", "--l2-tls-listen", f"127.0.0.1:{self.l2_tls}",
            "--admin-listen", f"127.0.0.1:{self.admin}", *certificate.flags,
            "--l2-auth", "mtls", "--l2-client-ca", self.ca.cert, "--l2-data-name", f"data.{HOST}")
        self.wait_running()
        self.begin_l2()

    def begin_l2(self):
        store = self.world.subfolder("store")
        for number, (_, content) in enumerate(self.files):
            (store / f"{number}.car").write_bytes(content)
        own = self.ca.issue("home", cn="home")
        self.world.start("l2", [
            binary("daphnis-l2"), "serve", "--l1", f"https://{HOST}:{self.l2_tls}", "--ca",
            self.ca.cert, "--cert", own.cert, "--key", own.key, "--id", "home", "--store", store,
            "--data-url-ms", "30000"], env=Names(self.world, HOST).environment())
        wait_for(lambda: self.holdings() == FILES, "the L2 has announced what it has", 20)

    def holdings(self):
        rows = [json.loads(line) for line in get(self.admin, "/l2s").body.splitlines()]
        return next((row["holdings"] for row in rows if row["id"] == "home"), None)

    def fetch(self, root):
        context = ssl.create_default_context(cafile=self.ca.cert)
        url = f"https://127.0.0.1:{self.https}/ipfs/{root}?format=car"
        with urllib.request.urlopen(url, context=context, timeout=30) as answer:
            return answer.read()

    def metric(self, name):
        for line in get(self.admin, "/metrics").body.decode().splitlines():
            if line.startswith(f"daphnis_{name} "):
                return int(line.split()[1])
        raise AssertionError("no such metric")

    def direct_deliveries(self):
        wait_for(lambda: self.metric("attempts_in_flight") == 0, "all attempts are over", 20)
        return self.metric("direct_deliveries_total")

    def test_workers_are_replaced_and_no_client_over_tls_is_failed(self):
        for root, content in self.files[:2]:
            self.assertEqual(self.fetch(root), content)
        self.assertEqual(self.direct_deliveries(), 2)
        over, failures, answers = threading.Event(), [], []

        def load():
            while not over.is_set():
                root, content = self.files[len(answers) % FILES]
                try:
                    answers.append(self.fetch(root) == content)
                except OSError as failure:
                    failures.append(failure)

        before = {self.pid(f"worker-{n}") for n in range(2)}
        clients = [threading.Thread(target=load) for _ in range(2)]
        for client in clients:
            client.start()
        done = subprocess.run([SUPERVISOR, "reload", "--run-dir", self.run_dir], text=True,
                              capture_output=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        wait_for(lambda: not before & {self.pid(f"worker-{n}") for n in range(2)},
                 "both workers are others", 60)
        counted = len(answers)
        wait_for(lambda: len(answers) > counted + 10, "the new ones serve", 30)
        over.set()
        for client in clients:
            client.join()
        self.assertEqual(failures, [])
        self.assertTrue(all(answers))
        direct = self.direct_deliveries()
        self.assertEqual(self.fetch(self.files[0][0]), self.files[0][1])
        self.assertEqual(self.direct_deliveries(), direct + 1)


if __name__ == "__main__":
    import unittest
    unittest.main()
