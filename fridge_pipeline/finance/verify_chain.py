"""Verify the chain: all packs of a folder, each by itself and all of them together. Standard library only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from fridge_pipeline.finance.rules.evidence_chain import ChainedPack, require_whole
from fridge_pipeline.finance.rules.evidence_format import DoesNotHoldError
from fridge_pipeline.finance.verify_evidence import Expected, read_chained, verify_evidence


def verify_chain(folder: Path, expected: Expected) -> Iterator[str]:
    """Checks every pack of a folder; yields what holds, in sentences. Drafts are named, and are in no chain.

    Month and manifest are those of a pack that must be there; signature and time stamp are asked of each. Raises
    ``DoesNotHoldError`` at the first thing that does not hold, and ``CannotVerifyError``.
    """
    of_each = replace(expected, previous=None, month=None, manifest_sha256=None)
    chained = []
    for pack in sorted(folder.glob("*.zip")):
        found = read_chained(pack)
        if found is None:
            yield f"{pack.name} is a draft, and in no chain"
            continue
        *_, last = verify_evidence(pack, expected=of_each)
        chained.append(found)
        yield f"{pack.name} holds: the pack of {found.link.month}, manifest {found.link.manifest_sha256}; {last}"
    _require_there(chained, expected)
    yield require_whole(chained)


def _require_there(packs: list[ChainedPack], expected: Expected) -> None:
    months = {pack.link.month for pack in packs}
    if expected.month is not None and expected.month not in months:
        raise DoesNotHoldError(f"the pack of {expected.month} is missing: it was asked for")
    wanted = expected.manifest_sha256
    of_month = [pack for pack in packs if expected.month in {None, pack.link.month}]
    if wanted is not None and wanted not in {pack.link.manifest_sha256 for pack in of_month}:
        raise DoesNotHoldError(f"no pack{f' of {expected.month}' * bool(expected.month)} has the manifest {wanted}")
