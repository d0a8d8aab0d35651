"""The chain of all packs of a folder: none is missing, and each follows the one that it names.

Standard library only, like the format.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from fridge_pipeline.finance.rules.evidence_format import DoesNotHoldError, PackLink, require_chained


@dataclass(frozen=True, slots=True)
class ChainedPack:
    """A final pack of a folder: its file, its own link, and that of the pack which it says came before it."""

    name: str
    link: PackLink
    previous: PackLink | None


def require_whole(packs: Sequence[ChainedPack]) -> str:
    """What holds of all of them, in a sentence. Raises ``DoesNotHoldError`` at the first gap or break."""
    by_month: dict[str, list[ChainedPack]] = defaultdict(list)
    by_manifest: dict[str, ChainedPack] = {}
    for pack in packs:
        other = by_manifest.setdefault(pack.link.manifest_sha256, pack)
        if other is not pack:
            raise DoesNotHoldError(f"{other.name} and {pack.name} are the same pack")
        by_month[pack.link.month].append(pack)
    if not by_month:
        raise DoesNotHoldError("there is no pack of a closed month")
    first, last = min(by_month), max(by_month)
    for month in _months(first, last):
        if month not in by_month:
            raise DoesNotHoldError(f"the pack of {month} is missing: there are packs from {first} to {last}")
    for pack in packs:
        _require_follows(pack, first, by_manifest)
    again = [f"{month} has {len(found)} packs" for month, found in sorted(by_month.items()) if len(found) > 1]
    return f"the chain of {len(packs)} packs from {first} to {last} is whole" + (f"; {', '.join(again)}" * bool(again))


def _require_follows(pack: ChainedPack, first: str, by_manifest: dict[str, ChainedPack]) -> None:
    if pack.previous is None:
        if pack.link.month != first:
            raise DoesNotHoldError(f"{pack.name} says that no pack came before it, but there is one of {first}")
        return
    before = by_manifest.get(pack.previous.manifest_sha256)
    if before is None:
        raise DoesNotHoldError(
            f"{pack.name} is chained to a pack of {pack.previous.month} with the manifest "
            f"{pack.previous.manifest_sha256}, which is not there"
        )
    require_chained(pack.link.month, pack.previous, before.link)
    if before.link.month >= pack.link.month:
        raise DoesNotHoldError(f"{pack.name} is chained to {before.name}, which is not of an earlier month")


def _months(first: str, last: str) -> list[str]:
    def number(month: str) -> int:
        return int(month[:4]) * 12 + int(month[5:]) - 1

    return [f"{each // 12:04d}-{each % 12 + 1:02d}" for each in range(number(first), number(last) + 1)]
