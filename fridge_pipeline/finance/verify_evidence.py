"""Verify: whether everything holds that an evidence pack says, and what is the first thing that does not.

Needs no database and no network, and nothing but the standard library; for signatures ``ssh-keygen``, for time stamps
``openssl``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fridge_pipeline.finance.pack.description import FILES, read_described
from fridge_pipeline.finance.pack.opening import OpenedPack, open_pack
from fridge_pipeline.finance.pack.pack_index import PackIndex
from fridge_pipeline.finance.pack.signature import require_signed
from fridge_pipeline.finance.pack.time_stamp import stamp_told
from fridge_pipeline.finance.rules.evidence_chain import ChainedPack
from fridge_pipeline.finance.rules.evidence_checks import CHECKS, checks_told
from fridge_pipeline.finance.rules.evidence_figures import Tally
from fridge_pipeline.finance.rules.evidence_format import (
    ANNEX,
    DESCRIPTION,
    FORMATS,
    MANIFEST,
    MANIFEST_LINE_CHARACTERS_MAX,
    WITHOUT_CHECKS,
    WITHOUT_EDITS,
    WITHOUT_INVOICES,
    WITHOUT_SIGNED,
    WITHOUT_SUMS,
    DoesNotHoldError,
    PackLink,
    manifest_lines,
    require_chained,
    table_path,
)
from fridge_pipeline.finance.rules.evidence_invoices import (
    COMPARED,
    CORRECTIONS,
    DAY_READS,
    EDITS,
    INVOICES,
    compare_with_invoices,
    require_corrected_by_two,
)
from fridge_pipeline.finance.rules.evidence_signed import SIGNED_FIGURES, compare_with_now, compare_with_signatures
from fridge_pipeline.finance.rules.evidence_signoffs import SIGNOFFS, read_signoffs
from fridge_pipeline.finance.rules.evidence_sums import SUMS, TIE_OUT, StripeComparison, compare_with_stripe


class UnexplainedError(DoesNotHoldError):
    """A pack is what it says it is, and says that Stripe has something else than was stated, for no known cause."""


NO_LIST = "no list of files with their paths"

#: Packs are named after their month; one of another month would be taken for it.
_NAMED_AFTER_MONTH = re.compile(r"\d{4}-\d{2}(?!\d)")


@dataclass(frozen=True, slots=True)
class Expected:
    """What an auditor knows from elsewhere, and a pack must fit; what is not given is not compared.

    The pack before it; its month, as 2026-01; the hash of its manifest; who may sign (ALLOWED SIGNERS of
    ssh-keygen(1)); the certificates of the authority that stamps (PEM).
    """

    previous: Path | None = None
    month: str | None = None
    manifest_sha256: str | None = None
    signers: Path | None = None
    authority: Path | None = None


def verify_evidence(pack: Path, previous: Path | None = None, expected: Expected | None = None) -> Iterator[str]:
    """Checks a pack, and the chain to the one before it when that is given; yields what holds, in sentences.

    Raises ``CannotVerifyError``, ``DoesNotHoldError`` at the first thing that does not hold, and at last, when all else
    does, ``UnexplainedError``.
    """
    yield from _verify(pack, expected or Expected(previous), are_counted=False)


def verify_made(pack: Path) -> Iterator[str]:
    """The same of a pack whose files were counted and summed before they were packed, in this process.

    That each has the SHA-256 which it had then proves the numbers; they are not added up once more.
    """
    yield from _verify(pack, Expected(), are_counted=True)


def _verify(pack: Path, wanted: Expected, *, are_counted: bool) -> Iterator[str]:
    before = None
    if wanted.previous is not None:
        with _opened(wanted.previous) as opened:
            yield from (f"previous pack: {held}" for held in _verify_files(opened))
            before = PackLink(opened.month, opened.sha256(MANIFEST))
    with _opened(pack) as opened:
        yield from _verify_files(opened)
        described = read_description(opened, partial(_note_rows, opened.index))
        _require_asked_for(opened, pack, wanted)
        yield _what_it_is(opened, described)
        if not are_counted:
            yield _verify_numbers(opened, described)
        sums = None if described["format"] in WITHOUT_SUMS else _verify_sums(opened)
        if sums is not None:
            yield str(sums)
        if described["format"] not in WITHOUT_CHECKS:
            yield checks_told(opened.pieces(table_path(CHECKS)))
        if described["format"] not in WITHOUT_SIGNED and described.get("is_final") is True:
            yield from _verify_signed(opened, described)
        if described["format"] not in WITHOUT_INVOICES:
            yield from _verify_invoices(opened, has_edits=described["format"] not in WITHOUT_EDITS)
        yield _verify_chain(opened.month, described, before)
        yield from _verify_outside(opened, pack, described, wanted)
        if sums is not None:
            _require_explained(sums)


def _require_asked_for(opened: OpenedPack, pack: Path, wanted: Expected) -> None:
    named = _NAMED_AFTER_MONTH.match(pack.name)
    if named is not None and named[0] != opened.month:
        raise DoesNotHoldError(f"it is named after {named[0]}, and is the pack of {opened.month}")
    if wanted.month not in {None, opened.month}:
        raise DoesNotHoldError(f"it is the pack of {opened.month}, and that of {wanted.month} was asked for")
    if wanted.manifest_sha256 not in {None, found := opened.sha256(MANIFEST)}:
        raise DoesNotHoldError(
            f"its manifest is {found}, and {wanted.manifest_sha256} was asked for: it is another one"
        )


def _verify_outside(opened: OpenedPack, pack: Path, described: Mapping[str, Any], wanted: Expected) -> Iterator[str]:
    """Who signed the month and the pack, and since when it has been as it is."""
    with TemporaryDirectory(prefix="fridge-verify-") as folder:
        manifest = opened.copy(MANIFEST, Path(folder, MANIFEST))
        if described.get("is_final") is True:
            signoffs = read_signoffs(opened.month, opened.pieces(SIGNOFFS))
            yield str(signoffs)
            if wanted.signers is not None:
                yield require_signed(manifest, pack, wanted.signers, signoffs)
        elif wanted.signers is not None:
            raise DoesNotHoldError("it is a draft: nobody signed the month, so nobody can have signed its pack")
        if wanted.authority is not None:
            yield stamp_told(manifest, pack, wanted.authority, str(described.get("created_at")))


def read_chained(pack: Path) -> ChainedPack | None:
    """Where a pack stands in the chain; none for a draft, which is in no chain."""
    with _opened(pack) as opened:
        return chained(opened, pack.name)


def chained(opened: OpenedPack, name: str) -> ChainedPack | None:
    """The same of a pack that is open; its files are not looked at."""
    described = read_description(opened)
    if described.get("is_final") is not True:
        return None
    return ChainedPack(name, PackLink(opened.month, opened.sha256(MANIFEST)), _stated_link(described))


@contextmanager
def _opened(pack: Path) -> Iterator[OpenedPack]:
    """The opened pack; puts its name before what does not hold, so that with two it is clear which one."""
    try:
        with open_pack(pack) as opened:
            yield opened
    except DoesNotHoldError as error:
        raise type(error)(f"{pack.name}: {error}") from error


def manifest_sha256(pack: Path) -> str:
    """The hash by which a pack stands in the chain."""
    with _opened(pack) as opened:
        return opened.sha256(MANIFEST)


def is_draft(pack: Path) -> bool:
    """Whether a file is a pack of a month that was not closed, which nothing is lost with."""
    try:
        with open_pack(pack) as opened:
            return read_description(opened).get("is_final") is False
    except (DoesNotHoldError, FileNotFoundError):
        return False


def read_description(opened: OpenedPack, note_file: Callable[[Any], None] | None = None) -> dict[str, Any]:
    """What pack.json says; of its files each is handed to ``note_file``.

    Raises ``DoesNotHoldError`` when it says nothing, or speaks of another month or format.
    """
    described = read_described(opened.pieces(DESCRIPTION), note_file or (lambda _: None))
    if (said := described.get("format")) not in FORMATS:
        known = " and ".join(FORMATS)
        raise DoesNotHoldError(f"{DESCRIPTION} says the format is {said!r}; this program verifies {known}")
    if described.get("month") != opened.month:
        raise DoesNotHoldError(f"{DESCRIPTION} is of {described.get('month')!r}, the folder of {opened.month}")
    return described


def _what_it_is(opened: OpenedPack, described: Mapping[str, Any]) -> str:
    state = "which was closed" if described.get("is_final") is True else "a draft, for the month was not closed"
    others = sum(1 for _ in opened.index.paths(".parquet"))
    beside = f"; of its {others} Parquet files only the SHA-256 was checked" if others else ""
    return f"it is evidence of {opened.month}, {state}, in the format {described['format']}{beside}"


def _verify_files(opened: OpenedPack) -> Iterator[str]:
    listed = 0
    for listed, path, sha256 in manifest_lines(opened.lines(MANIFEST, MANIFEST_LINE_CHARACTERS_MAX)):
        opened.index.list_file(path, sha256, listed)
    opened.index.require_same_files()
    yield f"{MANIFEST} lists exactly the {listed} files that are there ({opened.unpacked_bytes:,} bytes unpacked)"
    for path, sha256 in opened.index.listed():
        if (found := opened.sha256(path)) != sha256:
            raise DoesNotHoldError(f"{path} was changed: its SHA-256 is {found}, {MANIFEST} says {sha256}")
    yield "every file has the SHA-256 that is listed for it"


def _verify_numbers(opened: OpenedPack, described: Mapping[str, Any]) -> str:
    """Number of rows of every CSV file, the sums over them, and what pack.json says of both."""
    if FILES not in described:
        raise DoesNotHoldError(f"{DESCRIPTION} has {NO_LIST}")
    opened.index.require_stated(".csv")
    tally, tables = Tally(opened.sums, is_guarded=described["format"] not in WITHOUT_CHECKS), 0
    for path in opened.index.paths(".csv"):
        tables += 1
        rows, stated = tally.add(path, opened.pieces(path)), opened.index.stated_rows(path)
        if str(rows) != stated:
            raise DoesNotHoldError(f"{path} has {rows} rows, {DESCRIPTION} says {stated}")
    tally.require_agreement()
    found, said = tally.control_totals(), described.get("control_totals")
    if found != said:
        raise DoesNotHoldError(f"the control totals are {json.dumps(found)}, {DESCRIPTION} says {json.dumps(said)}")
    return f"{tables} CSV files have the stated rows, their sums agree, and are the control totals"


def _note_rows(index: PackIndex, each: Any) -> None:
    """What an entry of pack.json's files says of one."""
    if not isinstance(each, dict) or not isinstance(path := each.get("path"), str):
        raise DoesNotHoldError(f"{DESCRIPTION} has {NO_LIST}")
    index.state_rows(path, each.get("rows"))


def _verify_sums(opened: OpenedPack) -> StripeComparison:
    """Every hour's sum of Stripe is the one that Stripe answered, and its difference is named with a cause."""
    return compare_with_stripe(*(opened.pieces(path) for path in (TIE_OUT, SUMS)))


def _require_explained(sums: StripeComparison) -> None:
    try:
        sums.require_explained()
    except DoesNotHoldError as error:
        raise UnexplainedError(str(error)) from None


def _verify_invoices(opened: OpenedPack, *, has_edits: bool) -> Iterator[str]:
    """What was invoiced otherwise than used has its cause, and what was made good for it two people."""
    yield compare_with_invoices(*(_with_annex(opened, table) for table in (COMPARED, INVOICES, DAY_READS)))
    yield require_corrected_by_two(_with_annex(opened, CORRECTIONS), _with_annex(opened, EDITS) if has_edits else ())


def _with_annex(opened: OpenedPack, table: str) -> list[Iterator[str]]:
    """The text of a table, and that of what came to it after the signature."""
    paths = (table_path(table), f"{ANNEX}/{table}.csv")
    return [opened.pieces(path) for path in paths if path == paths[0] or opened.has(path)]


def _verify_signed(opened: OpenedPack, described: Mapping[str, Any]) -> Iterator[str]:
    """A final pack is the signed snapshot, and its annex what came later."""
    yield compare_with_signatures(opened.pieces(SIGNOFFS), described["control_totals"])
    if opened.has(SIGNED_FIGURES):
        yield compare_with_now(opened.pieces(SIGNED_FIGURES))


def _verify_chain(month: str, described: Mapping[str, Any], before: PackLink | None) -> str:
    stated = _stated_link(described)
    if before is not None:
        require_chained(month, stated, before)
        return f"it is chained to the given pack of {before.month}"
    if stated is None:
        return f"it is chained to no earlier pack: {described.get('previous_reason')}"
    return f"it is chained to the pack of {stated.month} (manifest {stated.manifest_sha256}), which was not given"


def _stated_link(described: Mapping[str, Any]) -> PackLink | None:
    said = described.get("previous")
    if said is None:
        return None
    try:
        return PackLink(str(said["month"]), str(said["manifest_sha256"]))
    except (KeyError, TypeError):
        raise DoesNotHoldError(f"{DESCRIPTION} does not say which pack came before, and not that none did") from None
