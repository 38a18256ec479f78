"""Broker and workers of which one is a release behind: the other one speaks the version before."""

import contextlib
import socket
import struct
import threading
import unittest

from harness import Edge, EdgeTest, binary, free_port, get, wait_for

HELLO, FETCH, ATTEMPT_ENDED, PING = 0, 1, 4, 8  # Numbers of a worker's messages.
WELCOME, FETCH_FAILED, PONG, LISTENERS_GIVEN = 0, 3, 6, 14  # And of a broker's.
RESUME_BYTES = 8 + 4  # An empty one.
ATTEMPT_ENDED_BYTES = 8 + 16 + 1 + 1 + 2 * 8 + 4 + RESUME_BYTES + 8
BEFORE = 6  # The version before.
NOT_FOUND = 3


def text(value):
    return struct.pack("<I", len(value)) + value


def fetch_bytes_before(fields):
    """The size that a Fetch has in the version before: three flags follow the (empty) resume."""
    at = 8
    for fixed in (32, 4 + 1):  # Behind the request and behind the trace.
        at += 4 + struct.unpack_from("<I", fields, at)[0] + fixed
    return at + RESUME_BYTES + 3


class Peer:
    """One end of an IPC connection, byte by byte."""

    def __init__(self, connection):
        self.connection = connection
        connection.settimeout(10)

    def send(self, number, fields=b""):
        """Sends a message; in vain where the other side has ended the connection."""
        with contextlib.suppress(ConnectionError):
            self.connection.sendall(struct.pack("<IBB", len(fields) + 1, 0, number) + fields)

    def receive(self):
        """The number and the fields of the next message; None at the end."""
        head = self._read(5)
        if head is None:
            return None
        payload = self._read(struct.unpack("<I", head[:4])[0])
        return payload[0], payload[1:]

    def until(self, number):
        while (message := self.receive()) is not None:
            if message[0] == number:
                return message[1]
        return None

    def _read(self, size):
        data = b""
        while len(data) < size:
            try:
                part = self.connection.recv(size - len(data))
            except ConnectionError:
                return None
            if not part:
                return None
            data += part
        return data


class VersionsTest(EdgeTest):
    def test_a_broker_serves_a_worker_of_the_version_before(self):
        edge = Edge(self.world, workers=1)
        for extra, is_understood in ((0, True), (1, False)):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(edge.socket))
                worker = Peer(connection)
                worker.send(HELLO, struct.pack("<HHII", BEFORE, BEFORE, 7, 4321))
                self.assertEqual(worker.until(WELCOME)[:2], struct.pack("<H", BEFORE))
                worker.send(ATTEMPT_ENDED, bytes(ATTEMPT_ENDED_BYTES + extra))
                worker.send(PING, struct.pack("<Q", 99))
                pong = worker.until(PONG)
                self.assertEqual(pong, struct.pack("<Q", 99) if is_understood else None)

    def test_a_worker_serves_under_a_broker_of_the_version_before(self):
        path, port = self.world.folder / "old.sock", free_port()
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen()
            listener.settimeout(10)
            self.world.start("worker-new", [binary("daphnis-worker"), "--socket", path,
                                            "--listen", f"127.0.0.1:{port}", "--index", 0])
            broker = Peer(listener.accept()[0])
        self.addCleanup(broker.connection.close)
        oldest, newest = struct.unpack("<HH", broker.until(HELLO)[:4])
        self.assertLessEqual(oldest, BEFORE)
        self.assertGreater(newest, BEFORE)
        broker.send(WELCOME, struct.pack("<H", BEFORE) + text(b"old") + text(b"") + text(b"") + b"\0"
                    + text(b""))
        broker.send(LISTENERS_GIVEN)
        wait_for(lambda: Edge.listens(port), "the worker listens")
        answers = []
        cid = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
        client = threading.Thread(
            target=lambda: answers.append(get(port, f"/ipfs/{cid}?format=raw")))
        client.start()
        fetch = broker.until(FETCH)
        self.assertEqual(len(fetch), fetch_bytes_before(fetch))
        broker.send(FETCH_FAILED, fetch[:8] + struct.pack("<BII", NOT_FOUND, 1, 0))
        client.join(15)
        self.assertEqual([answer.status for answer in answers], [404])


if __name__ == "__main__":
    unittest.main()
