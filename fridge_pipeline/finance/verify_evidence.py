"""Verify: whether everything holds that an evidence pack says, and what is the first thing that does not.

Needs no database and no network, and nothing but the standard library; with pyarrow it also compares the Parquet files.
"""

from __future__ import annotations

import importlib.util
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fridge_pipeline.finance.pack.opening import OpenedPack, open_pack
from fridge_pipeline.finance.rules.evidence_figures import ROW_CHARACTERS_MAX, Tally, sum_up
from fridge_pipeline.finance.rules.evidence_format import (
    DESCRIPTION,
    FORMAT,
    MANIFEST,
    STATEMENTS,
    TABLES,
    DoesNotHoldError,
    PackLink,
    read_manifest,
    require_chained,
    require_same_files,
)


def verify_evidence(pack: Path, previous: Path | None = None) -> Iterator[str]:
    """Checks a pack, and the chain to the one before it when that is given; yields what holds, in sentences.

    Raises ``DoesNotHoldError`` at the first thing that does not hold.
    """
    before = None
    if previous is not None:
        with _opened(previous) as opened:
            yield from (f"previous pack: {held}" for held in _verify_files(opened))
            before = PackLink(opened.month, opened.sha256(MANIFEST))
    with _opened(pack) as opened:
        yield from _verify_files(opened)
        described = read_description(opened)
        yield _verify_numbers(opened, described)
        yield _verify_parquet(opened)
        yield _verify_chain(opened.month, described, before)


@contextmanager
def _opened(pack: Path) -> Iterator[OpenedPack]:
    """The opened pack; puts its name before what does not hold, so that with two it is clear which one."""
    try:
        with open_pack(pack) as opened:
            yield opened
    except DoesNotHoldError as error:
        raise DoesNotHoldError(f"{pack.name}: {error}") from error


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


def read_description(opened: OpenedPack) -> dict[str, Any]:
    """What pack.json says. Raises ``DoesNotHoldError`` when it says nothing, or speaks of another month or format."""
    try:
        described = json.loads(opened.read(DESCRIPTION))
    except ValueError as error:
        raise DoesNotHoldError(f"{DESCRIPTION} is no JSON: {error}") from error
    if not isinstance(described, dict):
        raise DoesNotHoldError(f"{DESCRIPTION} is no JSON object")
    if described.get("format") != FORMAT:
        raise DoesNotHoldError(
            f"{DESCRIPTION} says the format is {described.get('format')!r}; this program verifies {FORMAT!r}"
        )
    if described.get("month") != opened.month:
        raise DoesNotHoldError(f"{DESCRIPTION} is of {described.get('month')!r}, the folder of {opened.month}")
    return described


def _verify_files(opened: OpenedPack) -> Iterator[str]:
    try:
        text = opened.read(MANIFEST).decode()
    except UnicodeDecodeError as error:
        raise DoesNotHoldError(f"{MANIFEST} is no UTF-8 text: {error}") from error
    listed = read_manifest(text)
    require_same_files(listed, opened.files)
    yield f"{MANIFEST} lists exactly the {len(listed)} files that are there ({opened.unpacked_bytes:,} bytes unpacked)"
    for path in sorted(listed):
        if (found := opened.sha256(path)) != listed[path]:
            raise DoesNotHoldError(f"{path} was changed: its SHA-256 is {found}, {MANIFEST} says {listed[path]}")
    yield "every file has the SHA-256 that is listed for it"


def _verify_numbers(opened: OpenedPack, described: Mapping[str, Any]) -> str:
    """Number of rows of every CSV file, the sums over them, and what pack.json says of both."""
    stated = {str(each["path"]): each for each in _list(described, "files")}
    tables = [path for path in opened.files if path.endswith(".csv")]
    if different := sorted(set(tables) ^ {path for path in stated if path.endswith(".csv")}):
        raise DoesNotHoldError(f"{different[0]} is either not in the pack or not among the files of {DESCRIPTION}")
    tally = Tally()
    for path in opened.files:
        if path.endswith(".parquet") and _rows(stated, path) != _rows(stated, _csv_of(path)):
            raise DoesNotHoldError(f"{DESCRIPTION} says of {path} and of its CSV file different numbers of rows")
    for path in tables:
        summed = sum_up(path, opened.lines(path, ROW_CHARACTERS_MAX), table_of(path))
        if summed.rows != _rows(stated, path):
            raise DoesNotHoldError(f"{path} has {summed.rows} rows, {DESCRIPTION} says {_rows(stated, path)}")
        tally.add(summed)
    tally.require_agreement()
    found, said = tally.control_totals(), described.get("control_totals")
    if found != said:
        raise DoesNotHoldError(f"the control totals are {json.dumps(found)}, {DESCRIPTION} says {json.dumps(said)}")
    return f"{len(tables)} CSV files have the stated rows, their sums agree, and are the control totals"


def _rows(stated: Mapping[str, Mapping[str, Any]], path: str) -> object:
    return stated.get(path, {}).get("rows")


def _csv_of(parquet_path: str) -> str:
    return f"{parquet_path.removesuffix('.parquet')}.csv"


def _list(described: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    found = described.get(key)
    if not isinstance(found, list) or not all(isinstance(each, dict) and "path" in each for each in found):
        raise DoesNotHoldError(f"{DESCRIPTION} has no list of {key} with their paths")
    return found


def table_of(path: str) -> str:
    """The table whose figures are summed over a CSV file; all statements are one table."""
    folder, _, name = path.partition("/")
    return name.removesuffix(".csv") if folder == TABLES else STATEMENTS


def _verify_parquet(opened: OpenedPack) -> str:
    paths = [path for path in opened.files if path.endswith(".parquet")]
    if importlib.util.find_spec("pyarrow") is None:
        return f"{len(paths)} Parquet files: only their SHA-256 was checked, for pyarrow is not installed"
    from fridge_pipeline.finance.pack.writing import require_same_rows  # noqa: PLC0415  # only with pyarrow

    with tempfile.TemporaryDirectory(prefix="fridge-verify-") as folder:
        as_csv, as_parquet = Path(folder) / "rows.csv", Path(folder) / "rows.parquet"
        for path in paths:
            opened.unpack(_csv_of(path), as_csv)
            opened.unpack(path, as_parquet)
            require_same_rows(path, as_csv, as_parquet)
    return f"{len(paths)} Parquet files hold the rows of their CSV files"


def _verify_chain(month: str, described: Mapping[str, Any], before: PackLink | None) -> str:
    said = described.get("previous")
    stated = None
    if said is not None:
        try:
            stated = PackLink(str(said["month"]), str(said["manifest_sha256"]))
        except (KeyError, TypeError):
            raise DoesNotHoldError(
                f"{DESCRIPTION} does not say which pack came before, and not that none did"
            ) from None
    if before is not None:
        require_chained(month, stated, before)
        return f"it is chained to the given pack of {before.month}"
    if stated is None:
        return f"it is chained to no earlier pack: {described.get('previous_reason')}"
    return f"it is chained to the pack of {stated.month} (manifest {stated.manifest_sha256}), which was not given"
