"""Files of which much was rejected: when a person is told of one, and in which words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: More than this share of a file's rows rejected is no stray row: something is wrong with whoever wrote it.
SHARE_MAX = 0.1

#: Of a tenant among others more than this share, so that one bad sensor of a few does not count as the tenant.
TENANT_SHARE_MAX = 0.5

#: So many rejected rows of a file are kept one by one, the first; the others are counted by reason. A few kB can unpack
#: to millions of them, and nobody reads more than these.
KEPT_MAX = 10_000

#: Of so many tenants of a file the rejected rows are counted as theirs, the first. Those of others are nobody's: a row
#: that is rejected may say anything.
NAMED_MAX = 10_000

#: So many reasons, and tenants, are shown of a file, and so much of a row.
REASONS_SHOWN, TENANTS_SHOWN, EXAMPLE_LENGTH_MAX, TENANT_LENGTH_MAX = 5, 5, 200, 60


@dataclass(frozen=True, slots=True)
class RejectedFor:
    """The rows of a file that were rejected for one reason, with the first of them and what most look like."""

    reason: str
    rows: int
    line: int
    example: str
    cause: str | None


@dataclass(frozen=True, slots=True)
class TenantShare:
    """A tenant of whose rows in a file more than ``TENANT_SHARE_MAX`` were rejected."""

    tenant_id: str
    rows: int
    rejected: int


def rejection_told(
    rows: int, reasons: Sequence[RejectedFor], lost: Sequence[TenantShare], not_kept: int = 0
) -> str | None:
    """What a person is told of a file with so many rows, ``None`` where there is nothing to tell.

    ``reasons`` are the most frequent first, and ``not_kept`` is how many rejected rows are counted only. Nothing told
    is longer than a page, whatever the file holds.
    """
    rejected = sum(each.rows for each in reasons)
    if rejected <= SHARE_MAX * rows and not lost and not not_kept:
        return None
    share = "all of them" if rejected == rows else f"{_percent(rejected, rows)} of them"
    parts = [f"{rejected} of {rows} rows are rejected and not counted, {share}"]
    parts += [_reason_told(each) for each in reasons[:REASONS_SHOWN]]
    if len(reasons) > REASONS_SHOWN:
        parts.append(f"and {len(reasons) - REASONS_SHOWN} more reasons")
    if not_kept:
        parts.append(f"the first {KEPT_MAX} rejected rows are kept one by one, the other {not_kept} by reason only")
    if lost:
        parts.append(f"the loss of tenants: {_tenants_told(lost)}")
    return "; ".join(parts)


def _reason_told(each: RejectedFor) -> str:
    like = f", which looks like {each.cause}" if each.cause else ""
    return f"{each.rows} {each.reason}{like} (first in line {each.line}: {each.example[:EXAMPLE_LENGTH_MAX]})"


def _tenants_told(lost: Sequence[TenantShare]) -> str:
    shown = [f"{each.tenant_id[:TENANT_LENGTH_MAX]} {each.rejected} of {each.rows}" for each in lost[:TENANTS_SHOWN]]
    more = [f"and {len(lost) - TENANTS_SHOWN} more"] if len(lost) > TENANTS_SHOWN else []
    return ", ".join([*shown, *more])


def _percent(part: int, whole: int) -> str:
    """In whole percent, and neither 0 nor 100 where it is not."""
    return f"{min(max(round(100 * part / whole), 1), 99)} %"
