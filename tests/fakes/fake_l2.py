"""A scriptable L2: speaks the base protocol (legacy or v2) from raw sockets and does with each
order what a test tells it to, however wrong."""

import json
import socket
import threading

from harness import car
from harness.client import Connection, Response
from harness.process import wait_for


def silent(_l2, _order):
    """Never answers."""


def not_found(l2, order):
    """Says so as its generation can: the marker of v2, or an abort before any byte."""
    if l2.legacy:
        l2.upload(order).close()
    else:
        l2.post(order, b"", headers=[("Daphnis-Not-Found", "root"), ("Content-Length", "0")])


def sends(body, **how):
    """An answer that sends exactly these bytes, whatever was asked."""
    def answer(l2, order):
        l2.post(order, body, **how)
    return answer


def sends_blocks(pairs):
    """An answer that sends the one block that an order names, of these."""
    blocks = {car.text(cid): (cid, data) for cid, data in pairs}

    def answer(l2, order):
        pair = blocks.get(order["root"])
        if pair is None:
            return not_found(l2, order)
        return l2.post(order, car.car(pair[0], [pair]))
    return answer


class Upload:
    """One POST under way. Chunked unless its headers name a Content-Length."""

    def __init__(self, port, target, headers=(), method="POST"):
        self.connection = Connection(port)
        self.cut = False
        names = {name.lower() for name, _ in headers}
        self._chunked = "content-length" not in names
        fields = [("Host", "127.0.0.1"), *headers]
        if self._chunked and "transfer-encoding" not in names:
            fields.append(("Transfer-Encoding", "chunked"))
        self.head = f"{method} {target} HTTP/1.1\r\n".encode()
        self.head += b"".join(f"{k}: {v}\r\n".encode() for k, v in fields) + b"\r\n"

    def send_head(self):
        self._put(self.head)
        return self

    def send(self, data):
        """False once the peer has cut us off."""
        if data:
            self._put(b"%x\r\n%s\r\n" % (len(data), data) if self._chunked else data)
        return not self.cut

    def finish(self):
        """Ends the body and returns the answer."""
        if self._chunked:
            self._put(b"0\r\n\r\n")
        return self.answer()

    def answer(self):
        return self.connection.response()

    def close(self):
        self.connection.close()

    def _put(self, data):
        if self.cut:
            return
        try:
            self.connection.send(data)
        except (ConnectionError, TimeoutError):
            self.cut = True


class FakeL2:
    """Registers and keeps the stream open until close(). `orders` holds every order line received,
    `notices` what the edge said of this L2 itself, `results` what it said to each post(); each order
    is answered on a thread of its own. A cancel, whose id `cancels` holds, is acknowledged where
    nothing was posted for its order; so a silent L2 keeps no place. Owned by a test; close() ends
    its registration."""

    def __init__(self, port, l2_id, answer=silent, legacy=False, capacity=None, version_query=None,
                 source=None, token=None):
        self.port, self.id, self.answer, self.legacy = port, l2_id, answer, legacy
        self.orders, self.results, self.errors, self.cancels, self.notices = [], [], [], [], []
        self.tokens = []  # Successors of its own.
        self._begun = set()  # Ids of orders for which something was posted.
        self.beats = 0
        self.ended = threading.Event()
        query = "" if legacy else "?v=2" + (f"&capacity={capacity}" if capacity else "")
        self.stream = Connection(port, seconds=60, source=source)
        shown = [("Authorization", f"Bearer {token}")] if token is not None else []
        self.stream.request(f"/register/{l2_id}" + (version_query or query), headers=shown)
        self.head = self.stream.read_until(b"\r\n\r\n")
        self.status = int(self.head.split(b" ")[1])
        fields = dict(line.split(": ", 1) for line in self.head.decode().split("\r\n")[1:] if line)
        self.session = fields.get("Daphnis-Session", "")
        self._thread = threading.Thread(target=self._listen, daemon=True)
        if self.status == 200:
            self._thread.start()

    def close(self):
        try:
            self.stream.shut_down(socket.SHUT_RDWR)
        except OSError:
            pass
        # The thread must not read what later has the same descriptor.
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(10)
        self.stream.close()

    def wait_orders(self, count, seconds=5.0):
        wait_for(lambda: len(self.orders) >= count, f"{self.id} gets {count} orders", seconds)
        return self.orders[count - 1]

    def wait_results(self, count, seconds=10.0):
        wait_for(lambda: len(self.results) >= count, f"{self.id} gets {count} answers", seconds)
        return self.results[count - 1]

    def announce(self, add=(), remove=(), session=None, complete=False):
        """Tells the edge what this L2 holds, and whether that is all; with its session's key unless
        told otherwise."""
        lines = ([json.dumps({"add": list(add)})] if add else []) + (
            [json.dumps({"remove": list(remove)})] if remove else []) + (
            [json.dumps({"complete": True})] if complete else [])
        body = "".join(line + "\n" for line in lines).encode()
        with Connection(self.port) as connection:
            key = self.session if session is None else session
            fields = [("Content-Length", len(body))] + ([("Daphnis-Session", key)] if key else [])
            connection.request(f"/holdings/{self.id}", "POST", fields)
            connection.send(body)
            return connection.response()

    def target(self, order, root=None, request_id=None):
        return f"/data/{root or order['root']}?requestId={request_id or order['requestId']}"

    def upload(self, order, headers=(), method="POST", target=None):
        """A POST whose head is sent; the caller goes on."""
        self._begun.add(order["requestId"])
        return Upload(self.port, target or self.target(order), headers, method).send_head()

    def post(self, order, body, headers=(), method="POST", target=None):
        """The whole body, in pieces; returns (and notes) the edge's answer."""
        upload = self.upload(order, headers, method, target)
        for at in range(0, len(body), 65536):
            if not upload.send(body[at:at + 65536]):
                break
        result = upload.finish()
        upload.close()
        self.results.append(result)
        return result

    def _listen(self):
        try:
            while True:
                size = int(self.stream.read_until(b"\r\n").split(b";")[0], 16)
                data = b""
                while len(data) < size + 2:
                    more = self.stream.read()
                    if not more:
                        return
                    data += more
                self.stream.unread(data[size + 2:])
                if size == 0:
                    return
                self._lines(data[:size])
        except (OSError, EOFError, ValueError) as error:
            self.errors.append(repr(error))
        finally:
            self.ended.set()

    _rest = b""

    def _lines(self, data):
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if not line.strip():
                self.beats += 1
                continue
            said = json.loads(line)
            if "cancel" in said:
                self.cancels.append(said["cancel"])
                for order in self.orders:
                    if order["requestId"] == said["cancel"] and said["cancel"] not in self._begun:
                        self._start(type(self)._acknowledge, order)
                continue
            if "notice" in said:
                self.notices.append(said)
                continue
            if "token" in said:
                self.tokens.append(said["token"])
                continue
            self.orders.append(said)
            self._start(self.answer, said)

    def _acknowledge(self, order):
        try:
            upload = self.upload(order, [("Daphnis-Cancelled", "1"), ("Content-Length", "0")])
            upload.answer()
            upload.close()
        except (OSError, EOFError):
            pass  # The edge may be gone; then it waits for nothing.

    def _start(self, does, order):
        threading.Thread(target=self._run, args=(does, order), daemon=True).start()

    def _run(self, does, order):
        try:
            does(self, order)
        except (OSError, EOFError) as error:
            self.errors.append(repr(error))


__all__ = ["FakeL2", "Response", "Upload", "not_found", "sends", "silent"]
