"""Host names that resolve as a test says."""

import pathlib
import subprocess

from .process import ASAN

SOURCE = pathlib.Path(__file__).resolve().parents[2] / "fakes" / "names.c"


class Names:
    """Resolves names for the processes that get its environment: by default `host` and all names
    below it are this machine's."""

    def __init__(self, world, host):
        self.host = host
        self.library = world.folder / "names.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", self.library, SOURCE, "-ldl"],
                       check=True)

    def environment(self, **changes):
        names = {**{name.replace("_", "."): to for name, to in changes.items()},
                 self.host: "127.0.0.1"}
        found = {"LD_PRELOAD": str(self.library),
                 "DAPHNIS_NAMES": ",".join(f"{name}={to}" for name, to in names.items())}
        return {**found, "ASAN_OPTIONS": "verify_asan_link_order=0"} if ASAN else found
