"""The format of an evidence pack: folder, manifest, tables, and what it says about itself.

Standard library only, and nothing of the rest of the program: what is written today must be checkable in seven years.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

FORMAT = "fridge-evidence/6"

#: Of earlier packs, which hold no sums of Stripe's: their tie-out says what it says.
WITHOUT_SUMS = frozenset({"fridge-evidence/1", "fridge-evidence/2"})

#: Of earlier packs, whose texts stand in their CSV files as they are, and which hold no results of data tests.
WITHOUT_CHECKS = WITHOUT_SUMS | {"fridge-evidence/3"}

#: Of earlier packs, which hold the figures of their own time: nothing says that they are the signed ones.
WITHOUT_SIGNED = WITHOUT_SUMS | {"fridge-evidence/3"}

#: Of earlier packs, which hold neither invoices nor corrections.
WITHOUT_INVOICES = WITHOUT_CHECKS | {"fridge-evidence/4"}

#: Of earlier packs, which do not hold what somebody has made of a correction in Stripe.
WITHOUT_EDITS = WITHOUT_INVOICES | {"fridge-evidence/5"}

#: Packs of the first format hold each table as Parquet too: files of whose bytes the manifest has the hash.
FORMATS = (FORMAT, *(f"fridge-evidence/{number}" for number in (5, 4, 3, 2, 1)))

MANIFEST = "MANIFEST.sha256"
DESCRIPTION = "pack.json"
README = "README.txt"
DRAFT_NOTE = "DRAFT.txt"

#: Where the tables and the statements lie within the pack's folder.
TABLES = "tables"
STATEMENTS = "statements"

#: What a spreadsheet takes for the beginning of a formula or cuts away before one.
FORMULA_BEGINS = "=+-@\t\r\n"

#: Stands before a text that begins like that, or with itself; spreadsheets take what follows for text.
_MARK = "'"

#: Where a closed month's pack has what came after its signature.
ANNEX = "annex"

#: Longer than a hash and any path that a file system takes.
MANIFEST_LINE_CHARACTERS_MAX = 4_200

_FOLDER = "fridge-evidence-"
_MANIFEST_LINE = re.compile(r"(?P<sha256>[0-9a-f]{64})  (?P<path>[^\x00-\x1f\\]+)")
_PLAIN_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")
_NOT_PLAIN = re.compile(r"[^a-z0-9_-]+")

#: Names that no file can have on Windows, where an auditor may well unpack it.
_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))})


class DoesNotHoldError(ValueError):
    """Something in an evidence pack is not what it says; the text names the file and both values."""


class CannotVerifyError(RuntimeError):
    """Something that was asked for cannot be checked on this machine; the text says what it lacks."""


@dataclass(frozen=True, slots=True)
class PackLink:
    """A pack as the next month's pack knows it: its month and the SHA-256 of its manifest."""

    month: str
    manifest_sha256: str


def folder_of(month: str) -> str:
    """The one folder of a month's pack."""
    return f"{_FOLDER}{month}"


def month_of_folder(folder: str) -> str:
    """The month of a pack's folder. Raises ``DoesNotHoldError``."""
    month = folder.removeprefix(_FOLDER)
    if folder == month or re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", month) is None:
        raise DoesNotHoldError(
            f"the folder in it is {folder!r}; that of an evidence pack is like {folder_of('2026-01')}"
        )
    return month


def statement_path(tenant_id: str) -> str:
    """The file of a tenant's statement: readable where it can be, safe on every system, never that of another tenant.

    A plain id is its own name. Any other loses what is not plain and gets part of its hash after a ``~``, which no
    plain id holds; so ``A/B`` and ``a:b`` are two files, also where case does not tell names apart.
    """
    if _PLAIN_NAME.fullmatch(tenant_id) and tenant_id not in _DEVICES:
        return f"{STATEMENTS}/{tenant_id}.csv"
    readable = _NOT_PLAIN.sub("_", tenant_id.lower()).strip("_-")[:40]
    digest = hashlib.sha256(tenant_id.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{STATEMENTS}/{readable or 'tenant'}~{digest}.csv"


def manifest_text(hashes: Mapping[str, str]) -> str:
    """The manifest as ``sha256sum`` writes and checks it: a line per file, sorted by path."""
    return "".join(f"{hashes[path]}  {path}\n" for path in sorted(hashes))


def manifest_lines(lines: Iterable[str]) -> Iterator[tuple[int, str, str]]:
    """Number, path and SHA-256 of each line of a manifest. Raises ``DoesNotHoldError``."""
    number = 0
    for number, line in enumerate(lines, start=1):
        match = _MANIFEST_LINE.fullmatch(line.removesuffix("\n"))
        if match is None or len(line) > MANIFEST_LINE_CHARACTERS_MAX:
            raise DoesNotHoldError(f"{MANIFEST}, line {number}: {line[:100]!r} is not a SHA-256, two blanks and a path")
        require_safe(match["path"])
        yield number, match["path"], match["sha256"]
    if not number:
        raise DoesNotHoldError(f"{MANIFEST} lists no file")


def require_safe(path: str) -> None:
    """Raises ``DoesNotHoldError`` for a path that would leave the folder it is unpacked into."""
    parts = PurePosixPath(path).parts
    if not path or "\\" in path or ":" in path or path.startswith("/") or ".." in parts:
        raise DoesNotHoldError(f"the path {path!r} would be unpacked outside the pack's folder")
    if "/".join(parts) != path.removesuffix("/"):
        raise DoesNotHoldError(f"the path {path!r} is not in its short form, which is {'/'.join(parts)!r}")


def require_chained(month: str, stated: PackLink | None, previous: PackLink) -> None:
    """Raises ``DoesNotHoldError`` unless a month's pack names exactly that one as the pack before it."""
    if stated is None:
        raise DoesNotHoldError(
            f"the pack of {month} says that none came before it, but that of {previous.month} was given as the previous"
        )
    if stated.month != previous.month:
        raise DoesNotHoldError(
            f"the pack of {month} is chained to that of {stated.month}, but that of {previous.month} was given"
        )
    if stated.manifest_sha256 != previous.manifest_sha256:
        raise DoesNotHoldError(
            f"the pack of {month} is chained to another pack of {previous.month}: it names the manifest "
            f"{stated.manifest_sha256}, and that of the given pack is {previous.manifest_sha256}"
        )


def guarded(text: str) -> str:
    """A text as it stands in a CSV file, so that no spreadsheet runs it; ``fridge.csv_text`` does the same in SQL."""
    return f"{_MARK}{text}" if text.startswith((*FORMULA_BEGINS, _MARK)) else text


def csv_line(fields: Iterable[object]) -> str:
    """A row of a CSV file, in which every field that any program could take for several rows is in quotes.

    Python's own writer leaves a lone CR as it is where lines end in LF, and a spreadsheet begins a row behind it.
    """
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(fields)
    return f"{line.getvalue()[:-2]}\n"


def unguarded(field: str) -> str:
    """The text that a field of a CSV file stands for."""
    return field.removeprefix(_MARK)


def table_path(name: str) -> str:
    """The CSV file of a table."""
    return f"{TABLES}/{name}.csv"


def draft_text(month: str) -> str:
    """What a draft says, loudly, in a file of its own and in all others that describe the pack."""
    return (
        f"DRAFT: {month} was not closed when this pack was made. Its numbers may still change, nobody has signed them, "
        "and no later pack is chained to it."
    )
