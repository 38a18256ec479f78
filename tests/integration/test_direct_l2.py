"""Direct deliveries of the reference L2: to the worker that its order names, and to the common port
where that cannot be."""

import os
import socket
import ssl

from harness import Edge, EdgeTest, binary, car, free_port, over_tls, wait_for
from harness.certificates import Ca
from harness.names import Names

from fake_l1 import FakeL1

HOST = "edge.test"
DATA = f"data.{HOST}"


def setUpModule():
    over_tls.skip_module(over_tls.HAS_ITS_OWN)


class Home:
    """The reference L2, which has these CARs; its name is its id."""

    _count = 0

    def __init__(self, world, port, ca, environment, *cars, flags=("--data-url-ms", "30000"),
                 host=HOST):
        Home._count += 1
        self.name = f"home-{Home._count}"
        store = world.subfolder(f"store-{Home._count}")
        for number, content in enumerate(cars):
            (store / f"{number}.car").write_bytes(content)
        self.process = world.start(self.name, [
            binary("daphnis-l2"), "serve", "--id", self.name, "--store", store, "--l1",
            f"https://{host}:{port}", "--ca", ca.cert, *flags], env=environment)

    def lines(self, event):
        return [line for line in self.process.text().splitlines() if f"event={event} " in line]

    def wait_lines(self, event, count=1):
        wait_for(lambda: len(self.lines(event)) >= count, f"the log has {count} of {event}", 20)
        return self.lines(event)


def new_cars(count, size=100_000):
    """(root, content) of each."""
    return [car.file_car(os.urandom(size))[:2] for _ in range(count)]


class AtAnEdge(EdgeTest):
    @classmethod
    def begin(cls, world):
        cls.ca = Ca(world.subfolder("ca"))
        cls.names = Names(world, HOST)
        cls.edge, cls.port = cls.new_edge(world, [HOST, f"*.{DATA}", "IP:127.0.0.1"])

    @classmethod
    def new_edge(cls, world, names):
        """An edge whose certificate is for these names, and its port for L2s over TLS."""
        port = free_port()
        flags = cls.ca.issue(f"edge-{port}", names).flags
        return Edge(world, workers=1, worker_flags=flags, patient=True, broker_flags=[
            *flags, "--l2-tls-listen", f"127.0.0.1:{port}", "--l2-data-name", DATA]), port

    def home(self, edge, port, cars, host=HOST, **names):
        home = Home(self.world, port, self.ca, self.names.environment(**names),
                    *(content for _, content in cars), host=host)
        self.addCleanup(lambda: (home.process.stop(), edge.wait_l2_gone(home.name)))
        wait_for(lambda: edge.l2s().get(home.name, {}).get("holdings") == len(cars),
                 "it has told what it has", 20)
        return home

    def assert_got(self, edge, wanted):
        root, content = wanted
        answer = edge.car(root, seconds=30)
        self.assertEqual((200, content), (answer.status, answer.body))

    def counted(self, edge, *names):
        edge.wait_attempts_over()
        metrics = edge.metrics()
        return [metrics[f"daphnis_{name}_total"] for name in names]

    def test_it_delivers_to_the_worker_itself_and_keeps_the_connection(self):
        counters = ("direct_deliveries", "direct_sockets", "handoffs", "car_bytes_through_broker")
        cars = new_cars(4)
        home = self.home(self.edge, self.port, cars)
        self.assert_got(self.edge, cars[0])
        home.wait_lines("upload")
        before = self.counted(self.edge, *counters)
        for one in cars[1:]:
            self.assert_got(self.edge, one)
        after = self.counted(self.edge, *counters)
        self.assertEqual([3, 0, 0, 0], [b - a for a, b in zip(before, after, strict=True)])
        for line in home.wait_lines("upload", 4):
            self.assertIn("status=200", line)
            self.assertRegex(line, rf" to=w0-[0-9a-f]{{8}}\.{DATA}:{self.port} ?")
        self.edge.settle()

    def assert_falls_back(self, edge, home, cars, event="data_url_unreachable"):
        """All come by the common port, and the log says why once. Returns that line."""
        before = self.counted(edge, "direct_deliveries")
        for one in cars:
            self.assert_got(edge, one)
        self.assertEqual(before, self.counted(edge, "direct_deliveries"))
        for line in home.wait_lines("upload", len(cars)):
            self.assertIn("status=200", line)
            self.assertNotIn(" to=", line)
        (said,) = home.lines(event)
        self.assertIn("data_url=https://w0-", said)
        return said

    def test_where_the_name_does_not_resolve_it_delivers_to_the_common_port(self):
        cars = new_cars(3)
        home = self.home(self.edge, self.port, cars, data_edge_test="none")
        said = self.assert_falls_back(self.edge, home, cars)
        self.assertIn("level=warn", said)
        self.assertIn("cannot resolve w0-", said)
        self.assertIn(f"*.{DATA} leads to the L1 here", said)

    def test_an_edge_that_is_dialled_by_its_address_gets_all_at_its_common_port(self):
        cars = new_cars(3)
        home = self.home(self.edge, self.port, cars, host="127.0.0.1")
        said = self.assert_falls_back(self.edge, home, cars, "data_url_unused")
        self.assertIn("level=info", said)
        self.assertIn("the L1 is dialled by its address", said)
        self.assertIn(f"above {DATA}", said)

    def test_where_the_certificate_is_not_good_it_delivers_to_the_common_port(self):
        edge, port = self.new_edge(self.world, [HOST])
        cars = new_cars(3)
        home = self.home(edge, port, cars)
        said = self.assert_falls_back(edge, home, cars)
        self.assertIn(f"the certificate is for {HOST}, and not for w0-", said)
        self.assertIn(f"certificate for *.{DATA}", said)


def answer(status):
    return (f"HTTP/1.1 {status} Elsewhere\r\nConnection: close\r\nContent-Length: 20\r\n\r\n"
            '{"code":"elsewhere"}').encode()


class AtFakes(EdgeTest):
    """Scripted L1s, which are odd about their data URLs."""

    @classmethod
    def begin(cls, world):
        cls.ca = Ca(world.subfolder("ca"))
        cls.names = Names(world, HOST)
        certificate = cls.ca.issue("fake", [HOST, f"*.{DATA}", "IP:127.0.0.1"])
        cls.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        cls.context.load_cert_chain(certificate.cert, certificate.key)

    def begin_with(self, reply=None, size=100_000, **options):
        """An L1, and an L2 that has one CAR, self.car."""
        self.l1 = FakeL1(context=self.context, reply=reply)
        self.addCleanup(self.l1.close)
        self.car = new_cars(1, size)[0]
        self.home = Home(self.world, self.l1.port, self.ca, self.names.environment(), self.car[1],
                         **options)
        self.addCleanup(self.home.process.stop)
        wait_for(lambda: self.car[0] in self.l1.holdings, "it has told what it has", 20)

    def url(self, name="w0", port=None):
        return f"https://{name}.{DATA}:{port or self.l1.port}"

    def order(self, data_url):
        name = self.l1.order(self.car[0], deadlineMs=60_000, dataUrl=data_url)
        wait_for(lambda: any(name in line for line in self.home.lines("upload")), "it is over", 20)
        wait_for(lambda: len(self.hosts(name)) == sum(name in post for post in self.l1.begun),
                 "what has begun is over")
        return name

    def posts(self, name):
        """The order's POSTs in the sequence in which they began."""
        return sorted((post for post in self.l1.posts if name in post.target),
                      key=lambda post: post.turn)

    def hosts(self, name):
        """Where they went, without the port."""
        return [post.headers["host"].split(":")[0] for post in self.posts(name)]

    def assert_delivered(self, name, *hosts):
        self.assertEqual(list(hosts), self.hosts(name))
        last = self.posts(name)[-1]
        self.assertTrue(last.whole)
        self.assertEqual(self.car[1], last.body)

    def test_after_404_or_421_it_delivers_anew_to_the_common_port(self):
        for status in (404, 421):
            for is_whole in (False, True):
                with self.subTest(status=status, is_whole=is_whole):
                    def reply(post, status=status, is_whole=is_whole):
                        is_here = post.headers["host"].startswith("w0.")
                        return answer(status) if is_here and post.whole == is_whole else None
                    self.begin_with(reply, size=3 << 20)
                    for _ in range(2):
                        self.assert_delivered(self.order(self.url()), f"w0.{DATA}", HOST)
                    self.assertEqual([], self.home.lines("data_url_unreachable"))
                    for line in self.home.lines("upload"):
                        self.assertIn("status=200", line)
                        self.assertNotIn("elsewhere", line)
                    self.home.process.stop()

    def test_no_third_way_is_tried(self):
        self.begin_with(lambda post: answer(404) if post.whole else None)
        name = self.order(self.url())
        self.assertEqual([f"w0.{DATA}", HOST], self.hosts(name))
        (line,) = self.home.lines("upload")
        self.assertIn("status=404", line)
        self.assertIn("code=elsewhere", line)

    def test_other_refusals_are_the_last_word(self):
        for status in (410, 503):
            with self.subTest(status):
                self.begin_with(lambda post, status=status: None if post.whole else answer(status))
                self.assertEqual([f"w0.{DATA}"], self.hosts(self.order(self.url())))
                self.home.process.stop()

    def test_a_port_that_is_silent_or_closed_is_left_alone_for_a_while(self):
        silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        for port, why in ((silent.getsockname()[1], "not reached in time"),
                          (free_port(), "Connection refused")):
            with self.subTest(why):
                self.begin_with(flags=("--data-url-ms", "500"))
                for worker in ("w0", "w1"):
                    self.assert_delivered(self.order(self.url(worker, port)), HOST)
                (said,) = self.home.lines("data_url_unreachable")
                self.assertIn(why, said)
                self.assertIn(f"its port {port} can be reached", said)
                self.home.process.stop()

    def test_a_connection_that_ends_without_a_reply_is_tried_by_the_common_port(self):
        def reply(post):
            return b"" if post.headers["host"].startswith("w0.") else None
        self.begin_with(reply)
        self.assert_delivered(self.order(self.url()), f"w0.{DATA}", HOST)

    def test_each_name_has_its_own_connections_and_the_oldest_makes_way(self):
        self.begin_with(flags=("--capacity", "2", "--data-url-ms", "30000"))
        connections = {}
        for turn, worker in enumerate(("w0", "w1", "w0", "w1", "w2", "w1", "w0")):
            name = self.order(self.url(worker))
            self.assert_delivered(name, f"{worker}.{DATA}")
            connections[turn] = self.l1.post(name).connection
        self.assertEqual(connections[0], connections[2])
        self.assertEqual(connections[1], connections[3])
        self.assertEqual(connections[1], connections[5])
        self.assertEqual(len({connections[turn] for turn in (0, 1, 4, 6)}), 4)

    def test_a_url_that_is_not_below_the_l1_is_not_used(self):
        self.begin_with()
        for url in (f"https://127.0.0.1:{self.l1.port}", f"https://w0.other.test:{self.l1.port}",
                    f"http://w0.{DATA}:{self.l1.port}", "no url"):
            with self.subTest(url):
                self.assert_delivered(self.order(url), HOST)
        self.assertEqual([], self.home.lines("data_url_unreachable"))

    def test_a_not_found_goes_the_same_way_and_an_acknowledgement_to_the_common_port(self):
        self.begin_with()
        absent = new_cars(1)[0][0]
        name = self.l1.order(absent, dataUrl=self.url())
        wait_for(lambda: self.l1.post(name), "it says not-found")
        self.assertEqual([f"w0.{DATA}"], self.hosts(name))
        self.assertEqual("root", self.l1.post(name).headers["daphnis-not-found"])
        name = self.l1.order(self.car[0], deadlineMs=0, dataUrl=self.url())
        wait_for(lambda: self.l1.post(name), "it says that it is too late")
        self.assertEqual([HOST], self.hosts(name))
        self.assertEqual("1", self.l1.post(name).headers["daphnis-cancelled"])


if __name__ == "__main__":
    import unittest
    unittest.main()
