"""The public conformance cases, against a real edge. Skipped where their data is not at hand."""

import subprocess

from harness import Edge, EdgeTest, car, conformance


class Conformance(EdgeTest):
    def test_the_conformance_cases_pass(self):
        data = conformance()
        edge = Edge(self.world, patient=True)
        store = self.world.subfolder("store")
        roots = set()
        for path in data.rglob("*.car"):
            (store / path.name).write_bytes(path.read_bytes())
            roots.update(car.roots(path.read_bytes()))
        edge.l2(store, "home", roots=len(roots))
        url = f"http://127.0.0.1:{edge.in_clear(edge.client_port)}"  # The cases know no https.
        done = subprocess.run(["node", data / "run.mjs", url], stdin=subprocess.DEVNULL,
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=120)
        print(done.stdout)
        self.assertIn("66 passed, 0 failed", done.stdout)
        self.assertEqual(0, done.returncode)
