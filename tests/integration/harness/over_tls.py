"""The whole edge over TLS: with DAPHNIS_TEST_TLS=1 the ports that tests know, for clients and for
L2s, speak TLS, and so do the tests' clients and fake L2s when they connect to one of them."""

import atexit
import os
import pathlib
import shutil
import ssl
import tempfile

from .certificates import Ca, ticket_keys

IS_ON = os.environ.get("DAPHNIS_TEST_TLS") == "1"

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
        self.server_context.load_cert_chain(certificate.cert, certificate.key)
        # Whatever client a test starts trusts the CA, too: python, curl, node.
        for name in ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"):
            os.environ[name] = str(self.ca.cert)


def made():
    global _made
    _made = _made or _Made()
    return _made


def set_port(port, context=None):
    """What connects to that port from now on speaks TLS."""
    _ports[port] = context or made().context


def l1_flags(port, host="127.0.0.1"):
    """The flags by which the reference L2 dials an L1 at that port, or a relay to it."""
    if not IS_ON:
        return ["--l1", f"http://{host}:{port}"]
    return ["--l1", f"https://{host}:{port}", "--ca", made().ca.cert]


def wrap(sock, port):
    """The socket, with TLS where that port speaks it."""
    if port not in _ports:
        return sock
    return _ports[port].wrap_socket(sock, server_hostname="127.0.0.1", suppress_ragged_eofs=False)
