"""Clients of one answer that is still on its way: curl, and a crowd that reads along."""

import time

from .crowd import Crowd
from .process import PATIENCE, wait_for


class Readers:
    """Asks for `root`, of which all must get the CAR `body`: curl first, and `followers` more once
    it has its first bytes. Where there are any, each worker has some of them."""

    NAMES = iter(range(1 << 30))

    def __init__(self, edge, root, body, followers=0):
        self.gap = 0.0  # The longest time that the last of all waited for a byte, in seconds.
        self._edge, self._path, self._body = edge, f"/ipfs/{root}?format=car", body
        name = f"curl-{next(self.NAMES)}"
        self._head, self._file = (edge.world.folder / f"{name}.{end}" for end in ("head", "car"))
        self._curl = edge.world.start(name, [
            "curl", "-sS", "-N", "--max-time", "600", "-D", self._head, "-o", self._file,
            edge.url(self._path)])
        self._crowds, self._count, self._last = [], 0, (0, time.monotonic())
        self.wait_for_bytes(1)
        if followers:
            self._follow(followers)

    def wait_for_bytes(self, count, seconds=30):
        """Until each client has that many."""
        wait_for(lambda: self._read() >= count, f"all clients have {count} bytes", seconds, 0.002)

    def finish(self, seconds=60):
        """Until all clients are done. Returns what was wrong, nothing where each got the CAR."""
        deadline = time.monotonic() + seconds * PATIENCE
        while self._curl.running() or any(self._crowds):
            if time.monotonic() > deadline:
                return [f"not all are done after {seconds} s"]
            self._read()
            time.sleep(0.002)
        return self._faults() + self._curl_faults()

    def _follow(self, count):
        self._add(count)
        while len({self._edge.worker_of(port) for crowd in self._crowds
                   for port in crowd.ports()}) < len(self._edge.workers):
            self._add(1)

    def _add(self, count):
        crowd = Crowd(self._edge.client_port, self._path, self._body, count)
        self._edge.world.on_close(crowd.close)
        self._crowds.append(crowd)
        self._count += count
        self.wait_for_bytes(1)

    def _read(self):
        """Reads what has come for the crowds. Returns how many bytes the last of all has."""
        for crowd in self._crowds:
            crowd.sip(1 << 20)
        if self._faults() or self._has_curl_failed():
            raise AssertionError(f"clients failed: {[*self._faults()[:5], self._curl.text()]}")
        size = self._file.stat().st_size if self._file.exists() else 0
        least = min([size, *(at for crowd in self._crowds for at in crowd.bodies())])
        before, when = self._last
        now = time.monotonic()
        self.gap = max(self.gap, now - when)
        if least != before:
            self._last = (least, now)
        return least

    def _has_curl_failed(self):
        return not self._curl.running() and self._curl.wait(1) != 0

    def _faults(self):
        return [fault for crowd in self._crowds for fault in crowd.faults]

    def _curl_faults(self):
        """What curl says and got, and whether the others read along in the fetch made for it."""
        faults = []
        if self._has_curl_failed() or self._file.read_bytes() != self._body:
            faults.append(f"curl: {self._file.stat().st_size} bytes: {self._curl.text()}")
        self._file.unlink()
        head = self._head.read_text().lower()
        if head.count("http/1.1 ") != 1 or "x-cache: miss" not in head:
            faults.append(f"curl: not one fresh answer: {head}")
        shared = sum(crowd.statuses.get("FETCHING", 0) for crowd in self._crowds)
        if shared != self._count:
            faults.append(f"{shared} of {self._count} read along")
        return faults
