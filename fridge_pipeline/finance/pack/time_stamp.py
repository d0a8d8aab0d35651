"""Time stamps of packs (RFC 3161): an authority outside says since when a manifest has been what it is.

Asked for and checked by ``openssl ts``: it is where keys are kept, is what authorities document, and is no package that
somebody would have to vouch for. The answer lies beside the pack as it came.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fridge_pipeline.finance.rules.evidence_format import CannotVerifyError, DoesNotHoldError

#: What an authority's answer is called behind the name of its pack.
STAMP_SUFFIX = ".tsr"

#: So far the clocks of the authority and of the maker may be apart.
CLOCKS_APART_MAX = timedelta(minutes=5)

_TIME = re.compile(r"^Time stamp: (\w{3}) +(\d{1,2}) (\d\d:\d\d:\d\d)(?:\.\d+)? (\d{4}) GMT$", re.MULTILINE)


def stamp_of(pack: Path) -> Path:
    """Where the time stamp of a pack is."""
    return pack.with_name(f"{pack.name}{STAMP_SUFFIX}")


def stamp_request(manifest: Path) -> bytes:
    """What an authority is asked: a hash of the manifest and a number for once, and nothing else of the pack."""
    with tempfile.TemporaryDirectory(prefix="fridge-stamp-") as folder:
        query = Path(folder, "query")
        done = _openssl("-query", "-data", str(manifest), "-sha256", "-cert", "-out", str(query))
        if done.returncode != 0:
            raise CannotVerifyError(f"openssl made no request: {_said(done)}")
        return query.read_bytes()


def require_stamped(manifest: Path, stamp: Path, authority: Path, request: bytes | None = None) -> datetime:
    """When the authority saw the manifest; ``authority`` are the certificates that it is trusted by (PEM).

    The certificates are judged as of the time of the stamp: they run out, what was stamped while they held does not.
    With ``request`` it must also answer that. Raises ``DoesNotHoldError`` and ``CannotVerifyError``.
    """
    if not stamp.is_file():
        raise DoesNotHoldError(f"it has no time stamp: there is no {stamp.name} beside it")
    # Of the answer only what the authority signed: its status is text too, and anybody can write it anew.
    read = _openssl("-reply", "-in", str(stamp), "-token_out", "-text")
    told = _TIME.search(read.stdout.decode(errors="replace"))
    if read.returncode != 0 or told is None:
        raise DoesNotHoldError(f"{stamp.name} is not a time stamp: {_said(read)}")
    month, day, clock, year = told.groups()
    at = datetime.strptime(f"{year} {month} {day} {clock}", "%Y %b %d %H:%M:%S").replace(tzinfo=UTC)
    with tempfile.TemporaryDirectory(prefix="fridge-stamp-") as folder:
        given = manifest
        if request is not None:
            given = Path(folder, "query")
            given.write_bytes(request)
        kind = "-data" if request is None else "-queryfile"
        trusted = ("-CAfile", str(authority), "-attime", str(int(at.timestamp())))
        done = _openssl("-verify", kind, str(given), "-in", str(stamp), *trusted)
    if done.returncode != 0:
        raise DoesNotHoldError(f"{stamp.name} is not a time stamp of this pack by this authority: {_said(done)}")
    return at


def stamp_told(manifest: Path, pack: Path, authority: Path, created_at: str) -> str:
    """The same as a sentence, for a pack that says when it was made: no stamp is older than what it is of."""
    stamp = stamp_of(pack)
    at = require_stamped(manifest, stamp, authority)
    try:
        made_at = datetime.fromisoformat(created_at)
        is_before = at < made_at - CLOCKS_APART_MAX
    except (ValueError, TypeError, OverflowError):
        raise DoesNotHoldError(f"it says {created_at[:40]!r} for the time at which it was made") from None
    if is_before:
        raise DoesNotHoldError(f"{stamp.name} is of {at:%Y-%m-%d %H:%M:%S} UTC, and it says it was made {created_at}")
    return f"it has been as it is since {at:%Y-%m-%d %H:%M:%S} UTC at the latest, as a time stamp says"


def _openssl(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["openssl", "ts", *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        raise CannotVerifyError("time stamps need openssl 1.1 or newer, which is not installed") from None


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    return " ".join((done.stderr or done.stdout).decode(errors="replace").split())[-300:] or "it does not say why"
