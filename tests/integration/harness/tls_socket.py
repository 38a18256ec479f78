"""Sockets over TLS that do as sockets in plain text, so that tests need not know which they have."""

import contextlib
import errno
import select
import socket
import ssl
import threading


class TlsSocket(ssl.SSLSocket):
    """Behaves as a socket in plain text: fails as that does where it would block and where the peer
    has cut the connection, which over TLS an end without a word of that is; and is still TLS when
    one side is shut down."""

    def read(self, *how):
        with _as_in_plain_text():
            return super().read(*how)

    def send(self, *how):
        with _as_in_plain_text():
            return super().send(*how)

    def shutdown(self, how):
        socket.socket.shutdown(self, how)


@contextlib.contextmanager
def _as_in_plain_text():
    try:
        yield
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as error:
        raise BlockingIOError(errno.EAGAIN, "it would block") from error
    except ssl.SSLEOFError as error:
        raise ConnectionResetError(errno.ECONNRESET, "the peer has cut the connection") from error


class TwoWay:
    """A TlsSocket that one thread reads while another one writes, for which OpenSSL needs a lock. Its
    handshake is done. Owned by those threads."""

    def __init__(self, tls):
        tls.setblocking(False)
        self._tls, self._lock = tls, threading.Lock()

    def recv(self, size):
        return self._once(select.POLLIN, self._tls.recv, size)

    def sendall(self, data):
        left = memoryview(data)
        while left:
            left = left[self._once(select.POLLOUT, self._tls.send, left):]

    def shutdown(self, how):
        self._tls.shutdown(how)

    def say_end(self):
        with self._lock, contextlib.suppress(OSError):
            self._tls.unwrap()  # Whose answer is not waited for.

    def _once(self, ready, call, argument):
        while True:
            try:
                with self._lock:
                    return call(argument)
            except BlockingIOError:
                waiting = select.poll()
                waiting.register(self._tls, ready)
                waiting.poll()


def two_way(sock):
    """The socket, for a thread that reads and another one that writes."""
    return TwoWay(sock) if isinstance(sock, TlsSocket) else sock


def say_end(sock):
    """Over TLS the peer is told that nothing more comes; only then it takes an end for one."""
    if isinstance(sock, TwoWay):
        sock.say_end()
