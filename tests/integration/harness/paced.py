"""Between an L2 and the edge: what the L2 sends goes on at a steady rate. The bytes stay in the
kernel, so that a test of several hundred MB costs no processor that the edge would need."""

import os
import socket
import threading
import time

PIECE = 1 << 18
BURST_SECONDS = 0.02  # What a pace may catch up with after it was late.
BUFFER_BYTES = 1 << 20


class Pace:
    """A rate in bytes a second that several streams share. Until open() each of them sends only its
    first `begun` bytes."""

    def __init__(self, bytes_per_s, begun):
        self._rate, self._begun = bytes_per_s, begun
        self._due, self._lock, self._opened = 0.0, threading.Lock(), threading.Event()

    def open(self):
        self._opened.set()

    def take(self, count, sent):
        """Returns once a stream that has sent `sent` bytes may send `count` more."""
        if sent + count > self._begun:
            self._opened.wait()
        with self._lock:
            now = time.monotonic()
            self._due = max(self._due, now - BURST_SECONDS) + count / self._rate
            wait = self._due - now
        if wait > 0:
            time.sleep(wait)


class PacedRelay:
    """An address for an L2 that leads to `edge_port`, past a Pace. Owned by a test; close() ends
    all of it."""

    def __init__(self, edge_port, pace):
        self._edge_port, self._pace = edge_port, pace
        self._open, self._lock = set(), threading.Lock()
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._pace.open()
        with self._lock:
            ends = [self._listener, *self._open]
        for end in ends:
            _shut(end, socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        while True:
            try:
                l2, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(l2,), daemon=True).start()

    def _serve(self, l2):
        with l2, socket.socket() as edge:
            with self._lock:
                self._open |= {l2, edge}
            try:
                edge.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
                edge.connect(("127.0.0.1", self._edge_port))
                down = threading.Thread(target=self._down, args=(edge, l2), daemon=True)
                down.start()
                self._up(l2, edge)
                down.join()
            except OSError:
                pass  # The edge has stopped.
            with self._lock:
                self._open -= {l2, edge}

    def _up(self, l2, edge):
        read, write = os.pipe()
        sent = 0
        try:
            while count := os.splice(l2.fileno(), write, PIECE):
                self._pace.take(count, sent)
                sent += count
                while count:
                    count -= os.splice(read, edge.fileno(), count)
        except OSError:
            _shut(l2, socket.SHUT_RDWR)
        finally:
            os.close(read)
            os.close(write)
        _shut(edge, socket.SHUT_WR)

    @staticmethod
    def _down(edge, l2):
        try:
            while data := edge.recv(PIECE):
                l2.sendall(data)
        except OSError:
            _shut(edge, socket.SHUT_RDWR)
        _shut(l2, socket.SHUT_WR)


def _shut(end, how):
    try:
        end.shutdown(how)
    except OSError:
        pass
