"""Real L2s that a test holds and kills: each behind a relay, so that it is known where it is."""

import os

from .relay import Relay


class Home:
    """A real L2 that holds the CAR `file`, behind a relay whose streams `gate` holds. It dies and
    comes back with the same content. `block_bytes` is about the size of the CAR's sections, and
    `flags` are of daphnis-l2. Owned by a test; it ends with the edge's World."""

    def __init__(self, edge, number, gate, file, block_bytes, legacy=False, flags=()):
        self._edge, self.id = edge, f"home-{number}"
        self._flags, self._roots = (["--legacy"], 0) if legacy else ([], 1)
        self._flags += flags
        self.relay = Relay(edge.l2_port, gate, block_bytes)
        edge.world.on_close(self.relay.close)
        self._store = edge.world.subfolder(f"{self.id}-{self.relay.port}")
        os.link(file, self._store / "file.car")
        self.start()

    def start(self):
        self._process = self._edge.l2(self._store, self.id, *self._flags, roots=self._roots,
                                      port=self.relay.port)

    def kill(self):
        self._process.kill()


def held(homes):
    """One whose stream waits at the gate; None where there is none."""
    return next((home for home in homes if home.relay.is_held()), None)
