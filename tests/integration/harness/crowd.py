"""Many clients at once in one thread: each wants the same bytes and compares them as they come."""

import errno
import select
import socket
import time

from . import over_tls
from .process import PATIENCE

HANDSHAKE_SECONDS = 30


class Crowd:
    """`count` HTTP/1.0 clients of one path. HTTP/1.0 since its body is what comes to the end of the
    connection, so that comparing is all there is to do; an answer that is cut ends in a reset.
    They come from the address `source`, which is 127.0.0.1 unless it is given."""

    RECEIVE = 1 << 20

    def __init__(self, port, path, want, count, receive_buffer=None, source=None):
        self.want = memoryview(want)
        self.whole, self.faults = 0, []
        self.statuses = {}
        self._is_tls = over_tls.context_of(port) is not None
        self._poll = select.epoll()
        self._clients = {}
        self._buffer = memoryview(bytearray(self.RECEIVE))
        for _ in range(count):
            client = socket.socket()
            if source:
                client.bind((source, 0))
            if receive_buffer:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            client.settimeout(HANDSHAKE_SECONDS * PATIENCE)
            client.connect(("127.0.0.1", port))
            client = over_tls.wrap(client, port)
            client.setblocking(False)
            self._clients[client.fileno()] = [client, b"", -1]  # head so far, bytes of body
            self._poll.register(client.fileno(), select.EPOLLIN)
        for client, _, _ in self._clients.values():
            client.send(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())

    def __len__(self):
        return len(self._clients)

    def run(self, seconds=120):
        """Reads until all are done. Returns self."""
        deadline = time.monotonic() + seconds * PATIENCE
        self.sip(self.RECEIVE)  # Of what a TLS socket has read already, poll does not know.
        while self._clients:
            if time.monotonic() > deadline:
                self.faults.append(f"{len(self._clients)} are not done after {seconds} s")
                break
            for number, _ in self._poll.poll(1):
                self._read(number, self.RECEIVE)
        self.close()
        return self

    def sip(self, size):
        """Every client reads at most `size` bytes of what is there."""
        for number in list(self._clients):
            self._read(number, size)

    def close(self):
        for client, _, _ in self._clients.values():
            client.close()
        self._clients.clear()
        self._poll.close()

    def bodies(self):
        """Bytes of body that each client still at it has."""
        return [at for _, _, at in self._clients.values()]

    def ports(self):
        """The local ports of the clients still at it."""
        return [client.getsockname()[1] for client, _, _ in self._clients.values()]

    def _read(self, number, size):
        """Reads at most `size` bytes of what is there: over TLS record by record."""
        while size > 0 and (count := self._read_once(number, size)) and self._is_tls:
            size -= count

    def _read_once(self, number, size):
        """Returns how many bytes it read: 0 where there are none, now or for ever."""
        entry = self._clients[number]
        client, head, at = entry
        try:
            count = client.recv_into(self._buffer, size)
        except BlockingIOError:
            return 0
        except OSError as error:
            return self._end(number, f"{errno.errorcode.get(error.errno)} after {at} bytes")
        if count == 0:
            return self._end(number, None if at == len(self.want) else f"ended after {at} bytes")
        data = self._buffer[:count]
        if at < 0:
            head += bytes(data)
            if b"\r\n\r\n" not in head:
                entry[1] = head
                return count
            top, rest = head.split(b"\r\n\r\n", 1)
            lines = top.decode("latin-1").split("\r\n")
            if lines[0].split(" ")[1] != "200":
                return self._end(number, lines[0])
            for line in lines:
                if line.lower().startswith("x-cache:"):
                    status = line.split(":")[1].strip()
                    self.statuses[status] = self.statuses.get(status, 0) + 1
            entry[1], at, data = b"", 0, memoryview(rest)
        if data != self.want[at:at + len(data)]:
            return self._end(number, f"wrong bytes after {at}")
        entry[2] = at + len(data)
        return count

    def _end(self, number, fault):
        client, _, _ = self._clients.pop(number)
        self._poll.unregister(number)
        client.close()
        if fault:
            self.faults.append(fault)
        else:
            self.whole += 1
        return 0
