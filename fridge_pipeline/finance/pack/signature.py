"""Signatures of packs by people's own keys: what ``ssh-keygen -Y`` makes and checks, over the manifest.

The file lies beside the pack, so no pack is changed by it. Standard library and OpenSSH (8.2 or newer) only: no
cryptography of our own, and nothing that an auditor would have to install.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from fridge_pipeline.finance.rules.evidence_format import CannotVerifyError, DoesNotHoldError
from fridge_pipeline.finance.rules.evidence_signoffs import Signoffs

#: A signature that was given for something else is none of a pack.
NAMESPACE = "fridge-evidence"

#: What a signature's file is called behind the name of its pack.
SIGNATURE_SUFFIX = ".sig"


class NotSignedError(RuntimeError):
    """No signature was made; the text is what ``ssh-keygen`` said."""


def signature_of(pack: Path) -> Path:
    """Where the signature of a pack is."""
    return pack.with_name(f"{pack.name}{SIGNATURE_SUFFIX}")


def sign(manifest: Path, key: Path) -> bytes:
    """The signature of a manifest. A key with a passphrase is asked for at the terminal, one of an agent there.

    Raises ``NotSignedError``, and ``CannotVerifyError`` without OpenSSH.
    """
    done = _ssh_keygen(["-Y", "sign", "-f", str(key), "-n", NAMESPACE], manifest)
    if done.returncode != 0:
        raise NotSignedError(f"{key} did not sign: {_said(done)}")
    return done.stdout


def require_signed(manifest: Path, pack: Path, signers: Path, signoffs: Signoffs) -> str:
    """Who signed it, in a sentence: whoever approved the month, by a key that the auditor's list gives this person.

    ``signers`` is a file of the form ALLOWED SIGNERS in ssh-keygen(1). Raises ``DoesNotHoldError`` and
    ``CannotVerifyError``.
    """
    signature = signature_of(pack)
    if not signature.is_file():
        raise DoesNotHoldError(f"it is not signed: there is no {signature.name} beside it")
    files = ["-f", str(signers), "-s", str(signature)]
    found = _ssh_keygen(["-Y", "find-principals", *files], manifest)
    people = found.stdout.decode(errors="replace").splitlines() if found.returncode == 0 else []
    if not people:
        raise DoesNotHoldError(f"{signature.name} is by a key of nobody in {signers.name} ({_said(found)})")
    approver = next((person for person in people if signoffs.approved.is_of(person)), None)
    checked = _ssh_keygen(["-Y", "verify", "-I", approver or people[0], "-n", NAMESPACE, *files], manifest)
    if checked.returncode != 0:
        raise DoesNotHoldError(f"{signature.name} is not a signature of this pack: {_said(checked)}")
    if approver is None:
        raise DoesNotHoldError(f"{signature.name} is by {', '.join(people)}, and {signoffs.approved} approved it")
    key = checked.stdout.decode(errors="replace").strip().rpartition(" with ")[2]
    return f"it is signed by {approver}, who approved the month, with {key}"


def _ssh_keygen(arguments: list[str], given: Path) -> subprocess.CompletedProcess[bytes]:
    with given.open("rb") as manifest:
        try:
            return subprocess.run(["ssh-keygen", *arguments], stdin=manifest, capture_output=True, check=False)
        except FileNotFoundError:
            raise CannotVerifyError(
                "signatures need ssh-keygen of OpenSSH 8.2 or newer, which is not installed"
            ) from None


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    return " ".join((done.stderr or done.stdout).decode(errors="replace").split()) or f"it ended with {done.returncode}"
