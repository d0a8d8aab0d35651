"""The format of an evidence pack: folder, manifest, tables, and what it says about itself.

Standard library only, and nothing of the rest of the program: what is written today must be checkable in seven years.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

FORMAT = "fridge-evidence/1"

MANIFEST = "MANIFEST.sha256"
DESCRIPTION = "pack.json"
README = "README.txt"
DRAFT_NOTE = "DRAFT.txt"

#: Where the tables and the statements lie within the pack's folder.
TABLES = "tables"
STATEMENTS = "statements"

_FOLDER = "fridge-evidence-"
_MANIFEST_LINE = re.compile(r"(?P<sha256>[0-9a-f]{64})  (?P<path>[^\x00-\x1f\\]+)")
_PLAIN_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")
_NOT_PLAIN = re.compile(r"[^a-z0-9_-]+")

#: Names that no file can have on Windows, where an auditor may well unpack it.
_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))})


class DoesNotHoldError(ValueError):
    """Something in an evidence pack is not what it says; the text names the file and both values."""


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


def read_manifest(text: str) -> dict[str, str]:
    """Path → SHA-256 of every file that a manifest lists. Raises ``DoesNotHoldError``."""
    hashes: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        match = _MANIFEST_LINE.fullmatch(line)
        if match is None:
            raise DoesNotHoldError(f"{MANIFEST}, line {number}: {line[:100]!r} is not a SHA-256, two blanks and a path")
        path = match["path"]
        require_safe(path)
        if path in hashes:
            raise DoesNotHoldError(f"{MANIFEST}, line {number}: {path} is listed twice")
        hashes[path] = match["sha256"]
    if not hashes:
        raise DoesNotHoldError(f"{MANIFEST} lists no file")
    return hashes


def require_safe(path: str) -> None:
    """Raises ``DoesNotHoldError`` for a path that would leave the folder it is unpacked into."""
    parts = PurePosixPath(path).parts
    if not path or "\\" in path or ":" in path or path.startswith("/") or ".." in parts:
        raise DoesNotHoldError(f"the path {path!r} would be unpacked outside the pack's folder")
    if "/".join(parts) != path.removesuffix("/"):
        raise DoesNotHoldError(f"the path {path!r} is written in a roundabout way; it is {'/'.join(parts)!r}")


def require_same_files(listed: Iterable[str], found: Iterable[str]) -> None:
    """Raises ``DoesNotHoldError`` unless the manifest's files and those in the pack are the same."""
    wanted, there = set(listed), set(found) - {MANIFEST}
    for path in sorted(wanted - there):
        raise DoesNotHoldError(f"{path} is missing: {MANIFEST} lists it, and it is not in the pack")
    for path in sorted(there - wanted):
        raise DoesNotHoldError(f"{path} was added: it is in the pack, and {MANIFEST} does not list it")


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


@dataclass(frozen=True, slots=True)
class PackTable:
    """A table of the pack; the statement ``evidence_<name>`` selects it for ``%(start)s`` up to ``%(end)s``."""

    name: str
    one_row_per: str

    @property
    def csv_path(self) -> str:
        """Its CSV file."""
        return f"{TABLES}/{self.name}.csv"

    @property
    def parquet_path(self) -> str:
        """The same rows as Parquet."""
        return f"{TABLES}/{self.name}.parquet"


PACK_TABLES = (
    PackTable("usage_monthly", "tenant, meter and month with usage"),
    PackTable("usage_daily", "tenant, meter and UTC day with usage"),
    PackTable("usage_hourly", "tenant, meter and hour with usage"),
    PackTable("tie_out", "tenant, meter and hour: files, usage, ledger and Stripe side by side"),
    PackTable("tie_out_differences", "difference between two of them, with its cause and amount"),
    PackTable("billing_ledger", "statement of usage to Stripe, whatever became of it"),
    PackTable("restatements", "revision of a statement after its first: who, when, why, before and after"),
    PackTable("exceptions", "difference that a person had to see, open or closed"),
    PackTable("month_signoffs", "preparation, approval or reopening of the month"),
    PackTable("releases", "decision to bill usage that had been held for review"),
    PackTable(
        "billing_starts",
        "decision from which hour on usage is stated, empty: from none; earlier hours are another system's",
    ),
    PackTable("withdrawals", "landing file that was taken out of usage"),
    PackTable("stripe_summaries", "day, or differing hour, of a tenant and meter as it was read from Stripe"),
    PackTable("landing_files", "landing file of the month, with its rows inserted, duplicate and rejected"),
    PackTable("landing_file_tenants", "landing file and tenant with rows in it: what became of this tenant's rows"),
    PackTable("rejected_readings", "landing file and reason for which rows were rejected, with their number"),
    PackTable("dropped_months", "month whose readings are no longer kept"),
    PackTable("meter_event_attempts", "attempt to send one of the statements, with Stripe's answer"),
    PackTable("stripe_readbacks", "look at Stripe's total for a statement that was in doubt"),
    PackTable("cancellations", "cancellation of a statement that was asked of Stripe"),
    PackTable("data_gaps", "stretch of hours in which a sensor was silent; missing is not zero"),
    PackTable("tenants", "tenant, with the Stripe customer it is billed as"),
    PackTable("runs", "run and what it did for the month, with when, how often and by which code"),
)


def draft_text(month: str) -> str:
    """What a draft says, loudly, in a file of its own and in all others that describe the pack."""
    return (
        f"DRAFT: {month} was not closed when this pack was made. Its numbers may still change, nobody has signed them, "
        "and no later pack is chained to it."
    )


def readme_text(month: str, *, is_final: bool, table_rows: dict[str, int], statements: int) -> str:
    """The README of a pack: how to check it by hand, and what each file is."""
    tables = [
        f"  {table.csv_path}\n      One row per {table.one_row_per}. {table_rows[table.name]} rows."
        for table in PACK_TABLES
    ]
    opening = [f"Evidence of usage billing for {month}", ""]
    if not is_final:
        opening += [draft_text(month), ""]
    filled = _README.format(
        folder=folder_of(month), manifest=MANIFEST, format=FORMAT, statements=statements, tables="\n".join(tables)
    )
    return "\n".join(opening) + "\n" + filled


_README = """\
How to check it by hand

  1. No file was changed (Linux; on macOS: shasum -a 256 -c):
       unzip PACK.zip && cd {folder} && sha256sum -c {manifest}
     Every line must end in OK. The manifest lists every file here but itself.
  2. The manifest was not changed either: the pack of the next month names its SHA-256 in pack.json, under
     previous, and the database has it in fridge.evidence_packs. Compare with:
       sha256sum {manifest}
  3. The numbers agree with one another: add up quantity per tenant_id and meter in tables/usage_monthly.csv,
     tables/usage_daily.csv and tables/usage_hourly.csv, and usage_quantity in tables/tie_out.csv. The four sums
     are the same, are the total lines of the statements, and stand in pack.json under control_totals.
  `fridge verify PACK.zip` does all of it, with no database and no network.

How to read it

  CSV: UTF-8, commas, a line of column names, double quotes where needed. Nothing between two commas means not
  known or none, which is not 0; a text without characters is "". Times are ISO 8601 in UTC, and an hour is named
  by its start. A quantity is readings stored for the first time, or active sensors.
  Beside each table lies the same as Parquet (.parquet), for programs.

What each file is

  pack.json
      What made this pack ({format}): month, time, program and hash of its source, schema, parameters, number of
      rows of each file, control totals, and the pack of the month before.
  statements/*.csv
      One file per tenant ({statements}), one row per meter and day: usage, what was stated to Stripe, what Stripe
      shows; and a line `total` per meter. What Stripe shows is of the hours that were read: hours_not_read are
      not compared with Stripe yet. A name with a ~ stands for a tenant whose id is no plain file name; the
      id itself is in the file.
{tables}
  sql/models, sql/schema.sql, sql/tables
      The SQL by which the tables are defined: the finance models, the schema, and the selects of this pack.
"""
