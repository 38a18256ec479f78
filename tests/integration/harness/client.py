"""HTTP clients: a raw one that tells exactly what came, and curl."""

import socket
import subprocess

from . import over_tls
from .process import PATIENCE


class Response:
    """What came back. `complete` says whether the framing said that all of it had arrived; `why`
    says what was wrong otherwise."""

    def __init__(self, status=0, headers=None, body=b"", complete=False, why="", version=""):
        self.status = status
        self.headers = headers or {}
        self.body = body
        self.complete = complete
        self.why = why
        self.version = version

    def __repr__(self):
        tail = "complete" if self.complete else f"INCOMPLETE ({self.why})"
        return f"<{self.status} {len(self.body)} bytes {tail} {self.headers} {self.body[:200]!r}>"


class Connection:
    """One TCP connection to a server on loopback, byte for byte; unless `raw`, with TLS where the port
    speaks it. Where it is `lazy`, no answer of the server is waited for before there is something to
    send."""

    def __init__(self, port, seconds=15.0, receive_buffer=None, source=None, raw=False, lazy=False):
        self.socket = socket.socket()
        if source:
            self.socket.bind((source, 0))
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(seconds * PATIENCE)
        self.socket.connect(("127.0.0.1", port))
        if not raw:
            self.socket = (over_tls.begin if lazy else over_tls.wrap)(self.socket, port)
        self._held = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def shut_down(self, how=socket.SHUT_WR):
        """Ends a side of the connection; over TLS without a word of that."""
        self.socket.shutdown(how)

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def send_slowly(self, data):
        """Each byte in a segment of its own."""
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(len(data)):
            self.socket.sendall(data[i:i + 1])

    def request(self, path, method="GET", headers=(), host="127.0.0.1"):
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
        fields = headers.items() if isinstance(headers, dict) else headers
        lines += [f"{name}: {value}" for name, value in fields]
        self.send("\r\n".join(lines) + "\r\n\r\n")

    def read(self):
        """More bytes, or b'' at the end."""
        if self._held:
            data, self._held = self._held, b""
            return data
        return self.socket.recv(1 << 20)

    def unread(self, data):
        self._held = data + self._held

    def at_end(self):
        """True once the peer closed (or reset) without another byte."""
        try:
            return self.read() == b""
        except ConnectionError:
            return True

    def read_until(self, mark, limit=1 << 20):
        data = b""
        while mark not in data:
            if len(data) > limit:
                raise AssertionError("no end in sight")
            more = self.read()
            if not more:
                raise EOFError(f"closed after {data!r}")
            data += more
        head, rest = data.split(mark, 1)
        self.unread(rest)
        return head + mark

    def response(self, method="GET"):
        """Reads one final response with its body."""
        while True:
            try:
                head = self.read_until(b"\r\n\r\n").decode("latin-1")
            except (EOFError, ConnectionError) as error:
                return Response(why=str(error))
            lines = head.split("\r\n")
            version, status = lines[0].split(" ")[:2]
            if int(status) >= 200 or int(status) == 101:
                break
        headers = {}
        for line in lines[1:]:
            if line:
                name, value = line.split(":", 1)
                headers[name.lower()] = value.strip()
        result = Response(int(status), headers, version=version)
        if method == "HEAD" or result.status in (101, 204, 304):
            result.complete = True
            return result
        body = bytearray()
        try:
            if headers.get("transfer-encoding", "").lower() == "chunked":
                self._chunks(body)
            elif "content-length" in headers:
                self._exactly(body, int(headers["content-length"]))
            else:
                self._to_the_end(body)
            result.complete = True
        except (EOFError, ConnectionError, TimeoutError, ValueError) as error:
            result.why = f"{type(error).__name__}: {error}"
        result.body = bytes(body)
        return result

    def _chunks(self, body):
        while True:
            size = int(self.read_until(b"\r\n").split(b";")[0], 16)
            if size:
                self._exactly(body, size)
            if self.read_until(b"\r\n") != b"\r\n":
                raise ValueError("a chunk without its line end")
            if not size:
                return

    def _exactly(self, body, size):
        while size:
            data = self.read()
            if not data:
                raise EOFError("cut in mid-body")
            if len(data) > size:
                self.unread(data[size:])
                data = data[:size]
            body += data
            size -= len(data)

    def _to_the_end(self, body):
        while data := self.read():
            body += data


def get(port, path, method="GET", headers=(), seconds=15.0):
    """One request on a connection of its own."""
    with Connection(port, seconds) as connection:
        connection.request(path, method, [*dict(headers).items(), ("Connection", "close")])
        return connection.response(method)


def curl(url, *options, seconds=30):
    """(exit code, body bytes) of curl, which is silent but for its exit code."""
    done = subprocess.run(
        ["curl", "-s", "-S", "--max-time", str(seconds * PATIENCE), *options, url],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=(seconds + 5) * PATIENCE)
    return done.returncode, done.stdout
