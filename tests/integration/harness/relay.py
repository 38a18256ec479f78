"""Between an L2 and the edge: what the L2 sends goes on as far as a test lets it."""

import re
import socket
import threading

from . import over_tls
from .tls_socket import say_end, two_way

PIECE = 1 << 16
# What a relay's kernel takes of an L2 that is held: far less than the CARs of tests, so that an L2
# that dies while it is held always dies in mid-stream.
HELD_BYTES = 1 << 18


class Gate:
    """How far into a CAR streams may go, in bytes of the whole CAR, whichever part they send."""

    def __init__(self, at):
        self._at = at
        self._moved = threading.Condition()

    def open_to(self, at):
        """None opens it for good."""
        with self._moved:
            self._at = at
            self._moved.notify_all()

    def lets(self, position):
        """True where a stream may go that far."""
        return self._at is None or position <= self._at

    def pass_to(self, position):
        """Returns once a stream may go that far."""
        with self._moved:
            self._moved.wait_for(lambda: self.lets(position))


class Passage:
    """An address for L2s that leads to `edge_port`. up(l2, edge) of a subclass passes on what an L2
    sends until either end is gone, and let_go() ends its waits. `l2_buffer` is what the kernel takes
    of an L2 beforehand, in bytes, and `edge_buffer` what it takes for the edge, where it is given.
    Owned by a test; close() ends all of it."""

    OPENS_TLS = False  # Whether up() gets what is inside of TLS, or that goes through as it is.

    def __init__(self, edge_port, l2_buffer, edge_buffer=None):
        self._edge_port, self._edge_buffer = edge_port, edge_buffer
        self._open, self._lock = set(), threading.Lock()
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, l2_buffer)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.let_go()
        with self._lock:
            ends = [self._listener, *self._open]
        for end in ends:
            shut(end, socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        while True:
            try:
                l2, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(l2,), daemon=True).start()

    def _serve(self, l2):
        edge = socket.socket()
        try:
            if self._edge_buffer:
                edge.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._edge_buffer)
            edge.connect(("127.0.0.1", self._edge_port))
            if self.OPENS_TLS and over_tls.IS_ON:
                l2, edge = over_tls.accept(l2), over_tls.wrap(edge, self._edge_port)
        except OSError:  # One of them has stopped.
            edge.close()
            l2.close()
            return
        with l2, edge:
            with self._lock:
                self._open |= {l2, edge}
            self._pass_on(two_way(l2), two_way(edge))
            with self._lock:
                self._open -= {l2, edge}

    def _pass_on(self, l2, edge):
        down = threading.Thread(target=_pump, args=(edge, l2), daemon=True)
        down.start()
        self.up(l2, edge)
        down.join()


class Relay(Passage):
    """A passage whose deliveries pass a Gate, which several relays may share. `block_bytes` is about
    the size of the CAR's sections, by which a stream that leaves blocks out is known to begin
    further on."""

    OPENS_TLS = True

    def __init__(self, edge_port, gate, block_bytes):
        self.sent = 0  # Bytes that the edge was sent.
        self.skips = []  # How many blocks each delivery left out.
        self._gate, self._block_bytes = gate, block_bytes
        self._held = 0
        super().__init__(edge_port, HELD_BYTES)

    def is_held(self):
        """True while a stream of this L2 waits at the gate."""
        return self._held > 0

    def let_go(self):
        self._gate.open_to(None)

    def up(self, l2, edge):
        position = 0

        def pass_gate(data):
            nonlocal position
            if data.startswith(b"POST /data/"):
                skip = re.search(rb"\r\nDaphnis-Skip: (\d+)\r\n", data)
                self.skips.append(int(skip[1]) if skip else 0)
                position = self.skips[-1] * self._block_bytes
            position += len(data)
            self._hold(position)
            self.sent += len(data)
        _pump(l2, edge, pass_gate)

    def _hold(self, position):
        if self._gate.lets(position):
            return
        with self._lock:
            self._held += 1
        self._gate.pass_to(position)
        with self._lock:
            self._held -= 1


def _pump(source, sink, before=lambda data: None):
    """Until either end is gone, which the other is told."""
    try:
        while data := source.recv(PIECE):
            before(data)
            sink.sendall(data)
        say_end(sink)
    except OSError:
        shut(source, socket.SHUT_RDWR)
    shut(sink, socket.SHUT_WR)


def shut(end, how):
    try:
        end.shutdown(how)
    except OSError:
        pass
