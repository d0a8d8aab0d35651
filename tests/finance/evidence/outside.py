"""Who stands outside the operator, as a test makes them: people with keys of their own, and an authority for time."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from fridge_pipeline.finance.pack.signature import sign, signature_of
from fridge_pipeline.finance.rules.evidence_format import MANIFEST
from tests.finance.evidence.books import unpacked
from tests.serving import served

TSA_SETTINGS = """
[tsa]
default_tsa = ours
[ours]
serial = {folder}/serial
signer_cert = {folder}/{name}.pem
signer_key = {folder}/{name}.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
"""


def make_key(folder: Path, person: str) -> Path:
    """A person's private key; the public one lies beside it."""
    key = folder / f"{person}.key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", person, "-f", key], check=True)
    return key


def list_signers(target: Path, *keys: Path) -> Path:
    """The auditor's list: each key is that of the person it is named after."""
    lines = [f'{key.stem} namespaces="fridge-evidence" {key.with_name(f"{key.name}.pub").read_text()}' for key in keys]
    target.write_text("".join(lines))
    return target


def signed(pack: Path, key: Path) -> Path:
    """Signs a pack, whatever is in it, in place of any signature it has."""
    with tempfile.TemporaryDirectory() as folder:
        manifest = Path(folder, MANIFEST)
        manifest.write_bytes(unpacked(pack)[MANIFEST])
        signature_of(pack).write_bytes(sign(manifest, key))
    return pack


@dataclass(frozen=True)
class TimeAuthority:
    """Answers requests of RFC 3161 at a URL; by its certificate it is trusted."""

    url: str
    certificate: Path


@contextmanager
def running_authority(folder: Path, name: str = "authority") -> Iterator[TimeAuthority]:
    """An authority of this test's own, with ``openssl ts`` behind HTTP."""
    certificate, settings = folder / f"{name}.pem", folder / f"{name}.cnf"
    (folder / "serial").write_text("01\n")
    settings.write_text(TSA_SETTINGS.format(folder=folder, name=name))
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}"),
            *("-keyout", folder / f"{name}.key", "-out", certificate),
            *("-addext", "extendedKeyUsage=critical,timeStamping"),
        ],
        check=True,
        capture_output=True,
    )

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path != "/tsr" or self.headers["Content-Type"] != "application/timestamp-query":
                self.send_error(404)
                return
            with tempfile.TemporaryDirectory() as work:
                asked, answer = Path(work, "query"), Path(work, "answer")
                asked.write_bytes(query)
                made = ("openssl", "ts", "-reply", "-config", settings, "-queryfile", asked, "-out", answer)
                subprocess.run(made, check=True, capture_output=True)
                body = answer.read_bytes()
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with served(Answers) as address:
        yield TimeAuthority(f"{address}/tsr", certificate)
