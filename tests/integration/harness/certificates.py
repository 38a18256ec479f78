"""Certificates for tests, made by the `openssl` program."""

import os
import subprocess


def run_openssl(*arguments, **options):
    return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True,
                          timeout=60, **options)


class Certificate:
    """A certificate and its key, each in a file."""

    def __init__(self, cert, key):
        self.cert, self.key = cert, key

    @property
    def flags(self):
        """For the programs that serve with it."""
        return ["--tls-cert", str(self.cert), "--tls-key", str(self.key)]


class Ca:
    """A CA in a folder of its own, which must be there and empty."""

    def __init__(self, folder, name="a CA of tests"):
        self.folder = folder
        self.cert, self._key = folder / "ca.pem", folder / "ca.key"
        run_openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "1", "-subj", f"/CN={name}", "-addext",
                    "basicConstraints=critical,CA:TRUE", "-keyout", self._key, "-out", self.cert)

    def issue(self, name, names=("localhost", "IP:127.0.0.1"), days=1, rsa=False, cn=None):
        """A certificate in files of that name, for these names; with `days` below 0 one that has
        expired."""
        cert, key, request = (self.folder / f"{name}.{end}" for end in ("pem", "key", "csr"))
        kind = ["rsa:2048"] if rsa else ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        run_openssl("req", "-newkey", *kind, "-nodes", "-subj", f"/CN={cn or name}", "-keyout", key,
                    "-out", request)
        alternatives = ",".join(each if ":" in each else f"DNS:{each}" for each in names)
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={alternatives}\n")
        run_openssl("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self._key,
                    "-CAcreateserial", "-days", str(days), "-extfile", extensions, "-out", cert)
        os.chmod(key, 0o600)
        return Certificate(cert, key)


def ticket_keys(path, count=1):
    """A file of so many keys of session tickets."""
    path.write_bytes(os.urandom(80 * count))
    os.chmod(path, 0o600)
    return path
