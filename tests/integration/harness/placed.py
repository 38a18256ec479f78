"""Clients of one answer that are all at one worker."""

import time

from .crowd import Crowd
from .process import PATIENCE, wait_for


class PlacedClients:
    """`count` clients of `root`, of which all must get the CAR `body`. They are at `worker`, or at
    that of the first where it is None, and have their first bytes. `worker` is a Process of the
    edge. Owned by a test; they end with the edge's World."""

    ATTEMPTS_EACH_MAX = 64  # The kernel places them by chance.

    def __init__(self, edge, root, body, count, worker=None):
        self.worker, self.count = worker, count
        self._edge, self._path, self._body = edge, f"/ipfs/{root}?format=car", body
        self._crowds = []
        attempts_left = count * self.ATTEMPTS_EACH_MAX
        while len(self._crowds) < count:
            if attempts_left == 0:
                raise AssertionError(f"{worker.name} got no more clients than {len(self._crowds)}")
            attempts_left -= 1
            self._try()

    def sip(self):
        """Reads what has come. Returns how many bytes the last of those still at it has; None where
        all are done."""
        for crowd in self._crowds:
            crowd.sip(1 << 20)
        return min([at for crowd in self._crowds for at in crowd.bodies()], default=None)

    def faults(self):
        return [fault for crowd in self._crowds for fault in crowd.faults]

    def whole(self):
        return sum(crowd.whole for crowd in self._crowds)

    def _try(self):
        """One more client, who leaves at once where it came to another worker."""
        crowd = Crowd(self._edge.client_port, self._path, self._body, 1)
        self._edge.world.on_close(crowd.close)
        wait_for(lambda: crowd.sip(1 << 20) or crowd.faults or min(crowd.bodies()) > 0,
                 "a client has its first bytes")
        if crowd.faults:
            raise AssertionError(f"a client failed: {crowd.faults}")
        at = self._edge.worker_of(crowd.ports()[0])
        self.worker = self.worker or at
        if at is self.worker:
            self._crowds.append(crowd)
        else:
            crowd.close()


def wait_for_bytes(clients, count, seconds=30):
    """Until each client of all these PlacedClients has `count` bytes. Fails where one fails."""
    def have():
        least = [placed.sip() for placed in clients]
        faults = [fault for placed in clients for fault in placed.faults()]
        if faults:
            raise AssertionError(f"clients failed: {faults[:5]}")
        return all(at is None or at >= count for at in least)
    wait_for(have, f"all clients have {count} bytes", seconds, 0.002)


def finish(clients, seconds=60):
    """Until all clients of all these PlacedClients are done, well or not. Returns what was wrong,
    nothing where each got the CAR."""
    deadline = time.monotonic() + seconds * PATIENCE
    while any([placed.sip() is not None for placed in clients]):
        if time.monotonic() > deadline:
            return [f"not all are done after {seconds} s"]
        time.sleep(0.002)
    return [fault for placed in clients for fault in placed.faults()]
