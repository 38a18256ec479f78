"""What an operator sees and may do: the admin endpoint, statistics, and a second broker."""

import json

from harness import (Connection, Edge, EdgeTest, FakeL2, binary, car, free_port, get, sends,
                     wait_for)


class Operator(EdgeTest):
    @classmethod
    def begin(cls, world):
        cls.edge = Edge(world, patient=True)
        cls.root, cls.body, cls.pairs = car.file_car(car.numbered("operator", 3 << 20))
        store = world.subfolder("store")
        (store / "one.car").write_bytes(cls.body)
        cls.edge.l2(store, "home")

    def test_health_and_readiness(self):
        self.assertEqual(200, self.edge.admin("/healthz").status)
        self.assertEqual(200, self.edge.admin("/readyz").status)
        self.assertEqual(404, self.edge.admin("/no-such-thing").status)

    def test_an_origin_or_a_host_that_is_a_name_is_refused(self):
        port = self.edge.admin_port
        for headers, good in (({"Origin": "http://evil.example"}, False),
                              ({"Origin": "null"}, False), ({}, True)):
            response = self.edge.admin("/l2s", headers=headers)
            self.assertEqual(good, response.status == 200, (headers, response))
        for host, good in ((f"127.0.0.1:{port}", True), (f"[::1]:{port}", True),
                           ("evil.example", False), (f"localhost.evil.example:{port}", False),
                           ("", False)):
            with Connection(port) as connection:
                connection.request("/l2s", host=host)
                response = connection.response()
                self.assertEqual(good, response.status == 200, (host, response))

    def test_lists_are_one_json_object_a_line(self):
        for path, count in (("/l2s", 1), ("/workers", 2)):
            response = self.edge.admin(path)
            rows = [json.loads(line) for line in response.body.splitlines()]
            self.assertEqual(count, len(rows), rows)
        self.assertEqual("home", list(self.edge.l2s())[0])
        self.assertEqual({w.pid for w in self.edge.workers},
                         {row["pid"] for row in self.edge.workers_seen()})

    def test_metrics_are_prometheus_text(self):
        response = self.edge.admin("/metrics")
        self.assertTrue(response.headers["content-type"].startswith("text/plain"))
        metrics = self.edge.metrics()
        self.assertTrue(all(name.startswith("daphnis_") for name in metrics), list(metrics)[:5])

    def test_statistics_come_once_a_second_and_count_what_happened(self):
        lines = wait_for(lambda: (t := self.edge.stats_path.read_text().splitlines())[3:] and t,
                         "four lines of statistics", 10)
        for line in lines:
            json.loads(line)
        for _ in range(5):
            self.assert_car(self.edge.car(self.root), self.pairs)
        rows = wait_for(lambda: self.since(lines[-1]), "the fetches are counted")
        self.assertEqual((1, 2), (rows[-1]["l2s"]["registered"], rows[-1]["workers"]))
        self.assertEqual(5, sum(row["served"] for row in rows))
        self.assertEqual(5, sum(row["answers"]["complete"] for row in rows))

    def since(self, line):
        """The rows after that line, once five fetches are in them."""
        rows = self.edge.stats_path.read_text().split("\n")[:-1]
        rows = [json.loads(row) for row in rows[rows.index(line) + 1:]]
        return rows if sum(row["served"] for row in rows) >= 5 else None

    def test_no_car_byte_goes_through_the_broker(self):
        """A CAR of 3 MiB: beyond what came with the POST's head, the broker sees none of it."""
        for _ in range(5):
            self.assert_car(self.edge.car(self.root), self.pairs)
        self.edge.wait_stats(lambda row: row["car_bytes_through_broker"] == 0, "zero in statistics")
        self.assertEqual([0], [v for k, v in self.edge.metrics().items()
                               if "car_bytes_through_broker" in k])

    def test_slow_connections_do_not_block_the_admin_port(self):
        slow = [Connection(self.edge.admin_port) for _ in range(64)]
        for connection in slow:
            self.world.on_close(connection.close)
            connection.send("GET /l2s HTTP/1.1\r\n")
        for _ in range(70):
            self.assertEqual(200, self.edge.admin("/healthz").status)
        # Who has asked is answered, however many come after.
        asked = Connection(self.edge.admin_port)
        self.world.on_close(asked.close)
        asked.request("/healthz")
        self.assertEqual(200, asked.response().status)

    def test_a_second_broker_on_the_same_socket_is_refused(self):
        second = self.world.start("second-broker", [
            binary("daphnis-broker"), "--socket", self.edge.socket,
            "--l2-listen", f"127.0.0.1:{free_port()}",
            "--admin-listen", f"127.0.0.1:{free_port()}", "--stats-file", "-"])
        self.assertNotEqual(0, second.wait(5))
        self.assertIn(str(self.edge.socket), second.text())
        self.assert_car(self.edge.car(self.root), self.pairs)

    def test_the_socket_is_for_its_owner_alone(self):
        self.assertEqual(0o600, self.edge.socket.stat().st_mode & 0o777)

    def test_either_side_may_start_first_and_flags_may_be_variables(self):
        port, admin, l2_port = free_port(), free_port(), free_port()
        socket = self.world.folder / "late.sock"
        worker = self.world.start("early-worker", [binary("daphnis-worker")], env={
            "DAPHNIS_SOCKET": str(socket), "DAPHNIS_LISTEN": f"127.0.0.1:{port}",
            "DAPHNIS_INDEX": "0"})
        wait_for(lambda: Edge.listens(port), "a worker without a broker listens")
        response = get(port, f"/ipfs/{self.root}?format=car")
        self.assertEqual(503, response.status, response)
        self.assertIn("retry-after", response.headers)
        config = self.world.folder / "broker.toml"
        config.write_text(f'socket = "{socket}"\nl2-listen = ["127.0.0.1:{l2_port}"]\n'
                          f'admin-listen = "127.0.0.1:{admin}"\nstats-file = "-"\n')
        self.world.start("late-broker", [binary("daphnis-broker"), "--config", config])
        wait_for(lambda: Edge.listens(l2_port), "the broker listens")
        fake = FakeL2(l2_port, "late", sends(self.body))
        self.world.on_close(fake.close)
        wait_for(lambda: get(port, f"/ipfs/{self.root}?format=car").status == 200, "it serves", 15)
        self.assertTrue(worker.running())
