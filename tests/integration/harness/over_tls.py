"""The whole edge over TLS: with DAPHNIS_TEST_TLS=1 the ports that tests know, for clients and for
L2s, speak TLS, and so do the tests' clients and fake L2s when they connect to one of them."""

import atexit
import contextlib
import os
import pathlib
import shutil
import ssl
import tempfile
import unittest

from .certificates import Ca, ticket_keys
from .process import free_port
from .tls_socket import TlsSocket

IS_ON = os.environ.get("DAPHNIS_TEST_TLS") == "1"
# Why tests are skipped then.
RELAYED = "over TLS the broker relays what L2s send, which stands still with it"
HAS_ITS_OWN = "it brings ports and certificates for TLS, beside an edge in plain text"

_ports = {}  # The context of each port that speaks TLS.
_made = None


class _Made:
    """What all edges of this process have in common."""

    def __init__(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="daphnis-tls-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        self.ca = Ca(folder)
        certificate = self.ca.issue("edge")
        self.flags = [*certificate.flags,
                      "--tls-ticket-keys", str(ticket_keys(folder / "tickets"))]
        self.context = ssl.create_default_context(cafile=self.ca.cert)
        self.server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server_context.sslsocket_class = TlsSocket
        self.server_context.load_cert_chain(certificate.cert, certificate.key)
        # Whatever client a test starts trusts the CA, too: python, curl, node.
        for name in ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"):
            os.environ[name] = str(self.ca.cert)


def made():
    global _made
    _made = _made or _Made()
    return _made


def skip_module(why):
    """For setUpModule() of tests that show nothing more, or something else, where this is on."""
    if IS_ON:
        raise unittest.SkipTest(why)


def set_port(port, context=None):
    """What connects to that port from now on speaks TLS."""
    _ports[port] = context or made().context
    _ports[port].sslsocket_class = TlsSocket


def context_of(port):
    """The context for what connects to that port; None where it is in plain text."""
    return _ports.get(port)


def url(port, path):
    return f"{'https' if port in _ports else 'http'}://127.0.0.1:{port}{path}"


def listen_flags(plain, tls, port, plain_port):
    """The flags by which a program listens on that port, for which it has a flag in `plain` text and
    one for `tls`. Over TLS the other one gets `plain_port`."""
    if not IS_ON:
        return [plain, f"127.0.0.1:{port}"]
    set_port(port)
    return [plain, f"127.0.0.1:{plain_port}", tls, f"127.0.0.1:{port}", *made().flags]


def client_flags(port):
    """The flags by which deploy/daphnis serves clients at that port."""
    return listen_flags("--listen", "--tls-listen", port, free_port())


def l1_flags(port, host="127.0.0.1"):
    """The flags by which the reference L2 dials an L1 at that port, or a relay to it."""
    if not IS_ON:
        return ["--l1", f"http://{host}:{port}"]
    return ["--l1", f"https://{host}:{port}", "--ca", made().ca.cert]


def wrap(sock, port):
    """The socket, with TLS where that port speaks it."""
    if port not in _ports:
        return sock
    return _wrap(sock, port, do_handshake_on_connect=True)


def begin(sock, port):
    """The same for a server that may be slow: only the hello is sent. What is sent or received next
    does the rest of the handshake."""
    if port not in _ports:
        return sock
    tls, seconds = _wrap(sock, port, do_handshake_on_connect=False), sock.gettimeout()
    tls.setblocking(False)
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    tls.settimeout(seconds)
    return tls


def _wrap(sock, port, **options):
    return _ports[port].wrap_socket(sock, server_hostname="127.0.0.1", suppress_ragged_eofs=False,
                                    **options)


def accept(sock):
    """The server's end of what dials by l1_flags()."""
    return made().server_context.wrap_socket(sock, server_side=True, suppress_ragged_eofs=False)
