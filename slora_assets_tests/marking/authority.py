"""A time-stamping authority (RFC 3161) on this machine, by `openssl ts`."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_EXTENSIONS = """\
extendedKeyUsage=critical,timeStamping
basicConstraints=critical,CA:false
keyUsage=critical,digitalSignature
"""
_SETTINGS = """\
[tsa]
default_tsa = stamps
[stamps]
serial = serial
signer_cert = leaf.pem
certs = root.pem
signer_key = leaf.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
ess_cert_id_alg = sha256
"""


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)


def make_authority(folder: Path) -> Path:
    """Write keys, certificates and settings into an empty folder; returns the root's PEM."""
    for name, content in {
        "leaf.cnf": _EXTENSIONS,
        "tsa.cnf": _SETTINGS,
        "serial": "01",
    }.items():
        (folder / name).write_text(content)
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    root = ("req", "-x509", *key, "-keyout", "root.key", "-out", "root.pem", "-days", "2")
    _openssl(folder, *root, "-subj", "/O=Tests/CN=Root")
    leaf = ("req", *key, "-keyout", "leaf.key", "-out", "leaf.csr")
    _openssl(folder, *leaf, "-subj", "/O=Tests/CN=Authority")
    signed = ("x509", "-req", "-in", "leaf.csr", "-CA", "root.pem", "-CAkey", "root.key")
    _openssl(
        folder, *signed, "-CAcreateserial", "-out", "leaf.pem", "-days", "2", "-extfile", "leaf.cnf"
    )
    return folder / "root.pem"


@contextmanager
def stamping(folder: Path) -> Iterator[str]:
    """The authority of that folder, at the address that is given."""

    class Stamps(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked, answer = folder / "asked", folder / "answer"
            asked.write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
            told = ("-queryfile", asked.name, "-out", answer.name)
            _openssl(folder, "ts", "-reply", "-config", "tsa.cnf", *told)
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.end_headers()
            self.wfile.write(answer.read_bytes())

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Stamps) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
