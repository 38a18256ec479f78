"""What the integration tests are written in: processes, an edge, clients, fake L2s and CARs.

Everything runs on loopback, on ports chosen at run time, in temporary folders. Nothing here waits
by sleeping in hope: each wait polls a condition and has a deadline. Whatever was started is stopped
by pid, also after a failure, Ctrl-C or the death of the test process itself.

    DAPHNIS_BIN     the build folder with the programs (ctest sets it)
    DAPHNIS_ASAN=1  sanitized build: memory bounds are not checked, waits are longer
    DAPHNIS_TEST_TLS=1  the edge's ports speak TLS, and so do clients and fake L2s (over_tls.py)
    DAPHNIS_KEEP=1  temporary folders with all logs are kept
    DAPHNIS_CAMPAIGN=1  some tests run at their full size (README.md, "Tests")
"""

import os
import sys

from . import car  # noqa: F401
from .client import Connection, Response, curl, get  # noqa: F401
from .crowd import Crowd  # noqa: F401
from .relay import Gate, Relay  # noqa: F401
from .readers import Readers  # noqa: F401
from .process import ASAN, CAMPAIGN, World, binary, free_port, free_ports, wait_for  # noqa: F401
from .case import ROOT, EdgeTest, conformance, fixture, fixture_index  # noqa: F401

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "fakes"))

from fake_l2 import FakeL2, Upload, not_found, sends, sends_blocks, silent  # noqa: E402,F401
from .edge import Edge, logfmt  # noqa: E402,F401
