"""Anchor: a pack is signed by the approver's own key, and stamped by an authority for time, both outside of us.

Whoever may change the books, the packs and the program can then still not make another pack in its place unnoticed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from fridge_pipeline.finance.pack.opening import open_pack
from fridge_pipeline.finance.pack.signature import sign
from fridge_pipeline.finance.pack.time_stamp import require_stamped, stamp_request
from fridge_pipeline.finance.rules.evidence_format import MANIFEST
from fridge_pipeline.finance.verify_evidence import is_draft, verify_evidence
from fridge_pipeline.visible import one_line

#: Seconds that an authority may take to connect, and again to answer.
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 30.0

#: A time stamp with its certificates takes some KB.
ANSWER_BYTES_MAX = 2**20


class NotStampedError(ConnectionError):
    """The authority gave no time stamp; the text names its host and what it said."""


class DraftError(ValueError):
    """A draft is signed by nobody: its month was not closed."""


def sign_pack(pack: Path, key: Path) -> tuple[list[str], bytes]:
    """What was verified of a pack before it was signed, and the signature of its manifest by a person's key.

    Raises ``DoesNotHoldError``, ``DraftError``, ``NotSignedError`` and ``CannotVerifyError``.
    """
    held = _held(pack)
    with _manifest(pack) as manifest:
        return held, sign(manifest, key)


def stamp_pack(pack: Path, address: str, authority: Path) -> tuple[list[str], bytes]:
    """What was verified of a pack, and an authority's answer about its manifest, which is checked before it is kept.

    ``address`` is where the authority takes requests of RFC 3161 over HTTP, ``authority`` the certificates (PEM) that
    it is trusted by. Raises ``DoesNotHoldError``, ``DraftError``, ``NotStampedError`` and ``CannotVerifyError``.
    """
    held = _held(pack)
    with _manifest(pack) as manifest:
        request = stamp_request(manifest)
        answer = _ask(address, request)
        stamp = manifest.with_name("answer of the authority")
        stamp.write_bytes(answer)
        at = require_stamped(manifest, stamp, authority)
        require_stamped(manifest, stamp, authority, request)
    return [*held, f"it was stamped at {at:%Y-%m-%d %H:%M:%S} UTC by {urlsplit(address).hostname}"], answer


def _held(pack: Path) -> list[str]:
    held = list(verify_evidence(pack))
    if is_draft(pack):
        raise DraftError(f"{pack.name} is a draft: close the month and make its pack anew, then sign and stamp that")
    return held


@contextmanager
def _manifest(pack: Path) -> Iterator[Path]:
    """The manifest as a file, in a folder of its own."""
    with TemporaryDirectory(prefix="fridge-anchor-") as folder, open_pack(pack) as opened:
        yield opened.copy(MANIFEST, Path(folder, MANIFEST))


def _ask(address: str, request: bytes) -> bytes:
    import requests  # noqa: PLC0415 # not before somebody is asked

    host = urlsplit(address).hostname
    headers = {
        "Content-Type": "application/timestamp-query",
        "Accept": "application/timestamp-reply",
        "Accept-Encoding": "identity",
    }
    limits = (CONNECT_SECONDS, ANSWER_SECONDS)
    try:
        # Asked is who was named, and nobody to whom the answer leads.
        with requests.post(
            address, request, headers=headers, timeout=limits, stream=True, allow_redirects=False
        ) as answer:
            if answer.status_code != requests.codes.ok:
                said = one_line(f"{answer.status_code} {answer.reason}"[:100])
                raise NotStampedError(f"{host} gave no time stamp: it answered {said}")
            body: bytes = answer.raw.read(ANSWER_BYTES_MAX + 1, decode_content=False)
    except requests.RequestException as error:
        raise NotStampedError(f"{host} gave no time stamp: {type(error).__name__}; try again, or another one") from None
    if len(body) > ANSWER_BYTES_MAX:
        raise NotStampedError(f"{host} answered more than {ANSWER_BYTES_MAX} bytes, which is not a time stamp")
    return body
