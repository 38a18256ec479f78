"""An L1 as an L2 sees it: takes registrations, holdings and data, and says what it is told to."""

import json
import socket
import threading
import time
import uuid


class Post:
    """A POST /data as it came. `whole`: its body ended as its framing says."""

    def __init__(self, target, headers, connection):
        self.target = target
        self.headers = headers
        self.connection = connection  # A number; the same for requests on one connection.
        self.turn = None  # Of a POST /data: how many had begun before it.
        self.body = b""
        self.whole = False


class Cut(Exception):
    """The peer closed within a message."""


class FakeL1:
    """Listens on a port of its own. `gate` (an Event) holds back the reading of bodies; `early`
    answers after so many bytes of one; `refuse` is a list of answers to registrations that
    come before the first accepted one; with `context` (ssl) it speaks TLS. `reply` gives the answer
    to a Post whose head has come, or whose body has too, after which the connection ends; None: the
    Post goes on, or gets 200. Close it when done."""

    SESSION = "00112233445566778899aabbccddeeff"

    def __init__(self, gate=None, early=None, refuse=(), keep_alive=True,
                 context=None, reply=None):
        self.gate, self.early, self.refuse = gate, early, list(refuse)
        self.keep_alive = keep_alive
        self.context = context
        self.reply = reply or (lambda post: None)
        self.resumed = []  # Of each connection over TLS: whether it resumed an earlier session.
        self.lock = threading.Lock()
        self.registrations = []  # (target, time)
        self.holdings = set()
        self.strangers = 0  # Holdings that did not show the session's key.
        self.posts = []
        self.begun = []  # Targets of posts, as their heads come.
        self._stream = None
        self._connections = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()
        for connection in self._connections:
            connection.close()

    # --- What a test does ---

    def registered(self):
        return self._stream is not None

    def line(self, text):
        data = text.encode() + b"\n"
        self._stream.sendall(b"%x\r\n%s\r\n" % (len(data), data))

    def order(self, root, **keys):
        """Sends an order line; returns its id."""
        name = str(uuid.uuid4())
        self.line(json.dumps({"requestId": name, "root": root, "cid": root, **keys}))
        return name

    def cancel(self, name):
        self.line(json.dumps({"cancel": name}))

    def post(self, name):
        """The finished POST for that order, or None."""
        with self.lock:
            return next((post for post in self.posts if name in post.target), None)

    def drop_registration(self):
        stream, self._stream = self._stream, None
        self._end(stream, socket.SHUT_RDWR)

    def drop_connections(self):
        """Closes all but the registration."""
        for connection in self._connections:
            if connection is not self._stream:
                try:
                    self._end(connection, socket.SHUT_RDWR)
                except OSError:
                    pass

    # --- Connections ---

    @staticmethod
    def _end(connection, how):
        # Not SSLSocket's own, which gives up TLS: what still comes could not be read.
        socket.socket.shutdown(connection, how)

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            number = len(self._connections)
            threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, connection, number):
        try:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
                self.resumed.append(connection.session_reused)
                self._connections[number - 1] = connection
            file = connection.makefile("rb")
            while True:
                line = file.readline().decode()
                if not line:
                    return
                target = line.split()[1]
                headers = {}
                while (field := file.readline().strip()):
                    name, value = field.decode().split(":", 1)
                    headers[name.lower()] = value.strip()
                if target.startswith("/register/"):
                    return self._register(connection, target)
                if not self._answer(connection, number, target, headers, file):
                    return
        except (OSError, Cut, ValueError):
            return

    def _register(self, connection, target):
        self.registrations.append((target, time.monotonic()))
        if self.refuse:
            connection.sendall(self.refuse.pop(0))
            return
        connection.sendall(b"HTTP/1.1 200 OK\r\nCache-Control: no-cache\r\n"
                           b"Daphnis-Session: " + self.SESSION.encode() + b"\r\n"
                           b"Transfer-Encoding: chunked\r\n\r\n1\r\n\n\r\n")
        self._stream = connection

    def _answer(self, connection, number, target, headers, file):
        post = Post(target, headers, number)
        is_data = target.startswith("/data/")
        if is_data:
            with self.lock:
                post.turn = len(self.begun)
                self.begun.append(target)
            if self.gate:
                self.gate.wait()
        try:
            if self.early and is_data:
                file.read(self.early)
                return self._answer_early(connection, post, file, self._GONE)
            if is_data and (reply := self.reply(post)) is not None:
                return self._answer_early(connection, post, file, reply)
            post.body = self._body(headers, file)
            post.whole = True
        finally:
            if is_data:
                with self.lock:
                    self.posts.append(post)
        if target.startswith("/holdings/"):
            self.strangers += headers.get("daphnis-session") != self.SESSION
            for line in post.body.splitlines():
                change = json.loads(line)
                self.holdings |= set(change.get("add", []))
                self.holdings -= set(change.get("remove", []))
        if is_data and (reply := self.reply(post)) is not None:
            connection.sendall(reply)
            return False
        close = b"" if self.keep_alive else b"Connection: close\r\n"
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + close + b"Content-Length: 0\r\n\r\n")
        return self.keep_alive

    _GONE = b"HTTP/1.1 410 Gone\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

    def _answer_early(self, connection, post, file, reply):
        connection.sendall(reply)
        self._end(connection, socket.SHUT_WR)
        while (data := file.read1(1 << 16)):
            post.body += data
        return False

    @staticmethod
    def _body(headers, file):
        if "chunked" not in headers.get("transfer-encoding", ""):
            return file.read(int(headers.get("content-length", 0)))
        body = []
        while True:
            line = file.readline()
            if not line:
                raise Cut()
            size = int(line, 16)
            data = file.read(size)
            if len(data) < size or file.readline() != b"\r\n":
                raise Cut()
            if size == 0:
                return b"".join(body)
            body.append(data)
