"""One L2 that gets all the orders there are: it reads them, so it stays and none is lost."""

import json
import os
import shutil
import signal
import subprocess
import unittest

from harness import ASAN, CAMPAIGN, Connection, Edge, EdgeTest, car, wait_for

FILES, FILE_BYTES, SECONDS = (20_000, 10_000, 3) if CAMPAIGN else (2_000, 4_000, 2)
PAUSED = 256

# Each thread goes through all paths from a place of its own.
SCRIPT = """
local paths, threads, at = {}, 0, 0
for line in io.lines(os.getenv("PATHS")) do paths[#paths + 1] = line end
function setup(thread)
  thread:set("offset", threads * 1000)
  threads = threads + 1
end
function init() at = offset end
function request()
  at = at + 1
  return wrk.format("GET", paths[at % #paths + 1])
end
function done(summary)
  local e = summary.errors
  print(string.format('{"requests":%d,"bad":%d}', summary.requests,
                      e.status + e.connect + e.read + e.write + e.timeout))
end
"""


class BusyL2(EdgeTest):
    def setUp(self):
        self.edge = Edge(self.world, patient=True)
        store = self.world.subfolder("store")
        self.paths = []
        for number in range(FILES):
            root, body, _ = car.file_car(car.numbered(f"busy-{number}", FILE_BYTES))
            (store / f"{number}.car").write_bytes(body)
            self.paths.append(f"/ipfs/{root}?format=car")
        self.l2 = self.edge.l2(store, "home", "--capacity", "256")

    def assert_l2_stayed(self):
        self.assertIn("home", self.edge.l2s())
        metrics = self.edge.metrics()
        self.assertEqual(0, metrics["daphnis_l2_losses_total"])

    @unittest.skipUnless(shutil.which("wrk"), "wrk is not installed")
    @unittest.skipIf(ASAN, "moves more than 16 MiB")
    def test_64_clients_that_go_through_all_it_has_get_no_error(self):
        paths, script = self.world.folder / "paths", self.world.folder / "paths.lua"
        paths.write_text("\n".join(self.paths) + "\n")
        script.write_text(SCRIPT)
        run = subprocess.run(
            ["wrk", "-t2", "-c64", f"-d{SECONDS}s", "--timeout", "30s", "-s", script,
             self.edge.url("/")],
            env={**os.environ, "PATHS": str(paths)}, capture_output=True, text=True, timeout=120)
        result = json.loads(run.stdout.splitlines()[-1])
        self.assertGreater(result["requests"], 0)
        self.assertEqual(0, result["bad"], run.stdout)
        self.assert_l2_stayed()

    def test_256_requests_that_met_a_stopped_broker_are_all_served(self):
        self.edge.broker.signal(signal.SIGSTOP)
        clients = []
        for number in range(PAUSED):
            client = Connection(self.edge.client_port, seconds=60)
            self.world.on_close(client.close)
            client.request(self.paths[number])
            clients.append(client)
        # All have reached the workers: the broker will find them together.
        wait_for(lambda: self.unread() == 0, "the workers have read what the clients sent")
        self.edge.broker.signal(signal.SIGCONT)
        statuses = [client.response().status for client in clients]
        self.assertEqual([200] * PAUSED, statuses)
        self.assert_l2_stayed()

    def unread(self):
        """Bytes that wait at the workers' ends of clients' connections."""
        mark = f"0100007F:{self.edge.client_port:04X}"
        with open("/proc/net/tcp", encoding="ascii") as table:
            rows = [line.split() for line in table]
        return sum(int(row[4].split(":")[1], 16) for row in rows[1:]
                   if row[1] == mark and row[3] != "0A")
