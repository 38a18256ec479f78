"""Between an L2 and the edge: what the L2 sends goes on at a steady rate. The bytes stay in the
kernel, so that a test of several hundred MB costs no processor that the edge would need."""

import os
import socket
import threading
import time

from .relay import Passage, shut

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


class PacedRelay(Passage):
    """A passage that keeps to a Pace."""

    def __init__(self, edge_port, pace):
        self._pace = pace
        super().__init__(edge_port, BUFFER_BYTES, BUFFER_BYTES)

    def let_go(self):
        self._pace.open()

    def up(self, l2, edge):
        read, write = os.pipe()
        sent = 0
        try:
            while count := os.splice(l2.fileno(), write, PIECE):
                self._pace.take(count, sent)
                sent += count
                while count:
                    count -= os.splice(read, edge.fileno(), count)
        except OSError:
            shut(l2, socket.SHUT_RDWR)
        finally:
            os.close(read)
            os.close(write)
        shut(edge, socket.SHUT_WR)
