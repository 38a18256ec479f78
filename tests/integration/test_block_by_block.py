"""Clients that walk a DAG block by block, on edges of many L2s that announce roots alone."""

import signal
import threading
import time
import unittest

from harness import Connection, Edge, EdgeTest, car, not_found, over_tls, sends_blocks, wait_for

LEAVES, LEAF_BYTES = 8, 1_000


def file_of(seed):
    """(root, [(cid, data)]) of a file of 9 blocks."""
    return car.unixfs_file(car.numbered(seed, LEAVES * LEAF_BYTES), LEAF_BYTES)


class BlockByBlock(EdgeTest):
    def registered(self, edge, count):
        """So many L2s that never answer: sockets that are held open."""
        for number in range(count):
            held = Connection(edge.l2_port, seconds=60)
            self.world.on_close(held.close)
            held.request(f"/register/other-{number}?v=2")
            self.assertIn(b"200", held.read_until(b"\r\n\r\n").split(b"\r\n")[0])
        wait_for(lambda: len(edge.l2s()) >= count, "all L2s are registered", 20)

    def placed(self, edge, at=None, not_at=None):
        """(a client's connection, the worker that has it), at or not at one of the workers."""
        while True:
            connection = Connection(edge.client_port, seconds=60)
            self.world.on_close(connection.close)
            self.assertEqual(404, self.asked(connection, "/nowhere").status)
            worker = edge.worker_of(connection.socket.getsockname()[1])
            if worker is not not_at and at in (None, worker):
                return connection, worker

    @staticmethod
    def asked(connection, path):
        connection.request(path)
        return connection.response()

    def raw(self, edge, cid, **options):
        return edge.get(f"/ipfs/{car.text(cid)}?format=raw", **options)

    def check(self, edge, pair):
        answer = self.raw(edge, pair[0])
        self.assertEqual((200, pair[1]), (answer.status, answer.body), answer)

    def walked(self, edge, seed, at_once):
        """A new holder's file, fetched block by block; returns the holder."""
        root, pairs = file_of(seed)
        holder = edge.fake(f"holder-{seed}", sends_blocks(pairs))
        self.assertEqual(200, holder.announce(add=[car.text(root)]).status)
        before = edge.metrics()["daphnis_attempts_total"]
        self.check(edge, pairs[0])
        if at_once:
            answers = {}
            threads = [threading.Thread(target=lambda cid=cid: answers.update(
                {cid: self.raw(edge, cid)})) for cid, _ in pairs[1:]]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            for cid, data in pairs[1:]:
                self.assertEqual((200, data), (answers[cid].status, answers[cid].body))
        else:
            for pair in pairs[1:]:
                self.check(edge, pair)
        self.assertLessEqual(edge.metrics()["daphnis_attempts_total"] - before, len(pairs))
        self.assertEqual(len(pairs), len(holder.orders))
        return holder

    def test_a_walk_through_an_edge_of_40_l2s_costs_an_order_a_block(self):
        edge = Edge(self.world, patient=True)
        self.registered(edge, 40)
        for at_once in (False, True):
            self.walked(edge, f"forty-{at_once}", at_once)

    def test_a_walk_through_an_edge_of_300_l2s_costs_an_order_a_block(self):
        edge = Edge(self.world, patient=True)
        self.registered(edge, 300)
        for at_once in (False, True):
            self.walked(edge, f"many-{at_once}", at_once)
        metrics = edge.metrics()
        self.assertEqual(2 * LEAVES, metrics["daphnis_descent_learnt_total"])
        self.assertEqual(2 * LEAVES, metrics["daphnis_descent_hits_total"])
        self.assertEqual(0, metrics["daphnis_descent_struck_total"])

    def test_what_an_l2_proved_is_forgotten_when_it_leaves(self):
        edge = Edge(self.world, patient=True)
        holder = self.walked(edge, "leaving", False)
        self.assertEqual(LEAVES, edge.metrics()["daphnis_descent_pairs"])
        holder.close()
        edge.wait_l2_gone(holder.id)
        self.assertEqual(0, edge.metrics()["daphnis_descent_pairs"])

    @unittest.skipIf(over_tls.IS_ON, over_tls.RELAYED)
    def test_a_question_at_another_worker_does_not_overtake_the_links(self):
        """The broker stands still. The other worker has sent it something; then the first one sends
        the links of a block, and the client that has the block asks for one at the other worker."""
        edge = Edge(self.world, patient=True)
        self.registered(edge, 40)
        root, pairs = file_of("overtaken")
        go_on = threading.Event()

        def answer(l2, order):
            pair = {car.text(cid): (cid, data) for cid, data in pairs}[order["root"]]
            upload = l2.upload(order)
            if pair == pairs[0]:
                upload.send(car.header([pair[0]]))
                go_on.wait(10)
                upload.send(car.section(*pair))
            else:
                upload.send(car.car(pair[0], [pair]))
            l2.results.append(upload.finish())
            upload.close()

        holder = edge.fake("holder", answer)
        holder.announce(add=[car.text(root)])
        client, worker = self.placed(edge)
        other, second = self.placed(edge, not_at=worker)
        elsewhere, _ = self.placed(edge, at=second)
        client.request(f"/ipfs/{car.text(root)}?format=raw")
        holder.wait_orders(1)
        wait_for(lambda: edge.metrics()["daphnis_handoffs_total"] > 0 and
                 not any(row["handoffs_awaiting"] for row in edge.workers_seen()),
                 "the worker has taken the POST")
        edge.broker.signal(signal.SIGSTOP)
        try:
            # Nothing shows when a worker has written to a broker that stands still. Where it has not
            # within this time, the test shows less, and does not fail for it.
            elsewhere.request(f"/ipfs/{car.text(car.cid(car.RAW, b'nobody has it'))}?format=raw")
            time.sleep(0.1)
            go_on.set()
            self.assertEqual(pairs[0][1], client.response().body)
            other.request(f"/ipfs/{car.text(pairs[1][0])}?format=raw")
            time.sleep(0.1)
        finally:
            edge.broker.signal(signal.SIGCONT)
        self.assertEqual(pairs[1][1], other.response().body)
        self.assertEqual(2, len(holder.orders))
        # One order for each of the three requests: the holder was the first that was asked.
        self.assertEqual(3, edge.metrics()["daphnis_attempts_total"])

    def test_descent_can_only_count_or_be_off(self):
        for mode, hits in (("observe", LEAVES), ("off", 0)):
            with self.subTest(mode):
                edge = Edge(self.world, patient=True, broker_flags=["--descent", mode])
                self.walked(edge, f"mode-{mode}", False)
                self.assertEqual(hits, edge.metrics()["daphnis_descent_hits_total"])

    def test_complete_l2s_are_hardly_asked_for_what_they_did_not_announce(self):
        edge = Edge(self.world, patient=True)
        root, _ = file_of("elsewhere")
        fakes = [edge.fake(f"complete-{number}", not_found) for number in range(40)]
        for number, fake in enumerate(fakes):
            own = car.text(file_of(f"own-{number}")[0])
            self.assertEqual(200, fake.announce(add=[own], complete=True).status)
        self.assertEqual(40, edge.metrics()["daphnis_holdings_complete_total"])
        self.assertEqual(404, self.raw(edge, root).status)
        self.assertEqual(8, sum(len(fake.orders) for fake in fakes))

    def test_silence_of_deployed_l2s_about_a_block_is_404_and_about_a_dag_504(self):
        edge = Edge(self.world)
        for number in range(3):
            edge.fake(f"deployed-{number}", legacy=True)
        root, pairs = file_of("nowhere")
        self.assertEqual(404, self.raw(edge, pairs[1][0]).status)
        head = edge.get(f"/ipfs/{car.text(root)}?format=car", method="HEAD")
        self.assertEqual(404, head.status)
        self.assertEqual(504, edge.car(car.text(root)).status)


if __name__ == "__main__":
    unittest.main()
