"""What a pack has, lists and states, on the disk instead of in memory: a pack may be of any number of tenants.

A table of SQLite without a name: a file of its own that is gone when it is closed. Standard library only.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from fridge_pipeline.finance.pack.zip_entries import ZipEntry
from fridge_pipeline.finance.rules.evidence_format import DESCRIPTION, MANIFEST, DoesNotHoldError

_TABLES = """
pragma journal_mode = off;
pragma synchronous = off;
pragma temp_store = file;
pragma cache_size = -4096;
create table found (
    path text primary key, folded text unique, method integer, flags integer, crc integer, packed integer,
    unpacked integer, at text
) without rowid;
create table listed (path text primary key, sha256 text) without rowid;
create table stated (path text primary key, rows text) without rowid;
create table sums (figure integer, tenant text, meter text, value text);
begin;
"""


@contextmanager
def index_on_disk() -> Iterator[sqlite3.Connection]:
    """An index of nothing yet; its file is in the folder for temporary files, and has no name there."""
    with closing(sqlite3.connect("", isolation_level=None)) as index:
        index.executescript(_TABLES)
        yield index


class PackIndex:
    """The files of a pack: those found in it, those that its manifest lists, those that its description states."""

    def __init__(self, index: sqlite3.Connection) -> None:
        self._index = index

    def find(self, path: str, entry: ZipEntry) -> None:
        """Notes a file that is in the pack; case does not tell two apart. Raises ``DoesNotHoldError``."""
        row = (entry.method, entry.flags, entry.crc, entry.packed_bytes, entry.unpacked_bytes, str(entry.offset))
        try:
            self._index.execute("insert into found values (?, ?, ?, ?, ?, ?, ?, ?)", (path, path.casefold(), *row))
        except sqlite3.IntegrityError:
            raise DoesNotHoldError(f"{path} is in the pack twice") from None

    def entry(self, path: str, name: str) -> ZipEntry | None:
        """A file that is in the pack."""
        row = self._index.execute(
            "select method, flags, crc, packed, unpacked, at from found where path = ?", (path,)
        ).fetchone()
        if row is None:
            return None
        method, flags, crc, packed, unpacked, at = row
        return ZipEntry(name, method, flags, crc, packed, unpacked, int(at))

    def paths(self, ending: str) -> Iterator[str]:
        """The files in the pack whose paths end so, sorted."""
        rows = self._index.execute(
            "select path from found where substr(path, -?1) = ?2 order by path", (len(ending), ending)
        )
        return (path for (path,) in rows)

    def list_file(self, path: str, sha256: str, line: int) -> None:
        """Notes a line of the manifest. Raises ``DoesNotHoldError``."""
        try:
            self._index.execute("insert into listed values (?, ?)", (path, sha256))
        except sqlite3.IntegrityError:
            raise DoesNotHoldError(f"{MANIFEST}, line {line}: {path} is listed twice") from None

    def listed(self) -> Iterator[tuple[str, str]]:
        """What the manifest lists: path and SHA-256, sorted."""
        yield from self._index.execute("select path, sha256 from listed order by path")

    def require_same_files(self) -> None:
        """Raises ``DoesNotHoldError`` unless the manifest's files and those in the pack are the same."""
        if missing := self._one("select path from listed where path not in (select path from found) order by path"):
            raise DoesNotHoldError(f"{missing} is missing: {MANIFEST} lists it, and it is not in the pack")
        if added := self._one(
            "select path from found where path not in (select path from listed) and path <> ? order by path", MANIFEST
        ):
            raise DoesNotHoldError(f"{added} was added: it is in the pack, and {MANIFEST} does not list it")

    def state_rows(self, path: str, rows: object) -> None:
        """Notes how many rows the description says that a file has. Raises ``DoesNotHoldError``."""
        try:
            self._index.execute("insert into stated values (?, ?)", (path, f"{rows}"))
        except sqlite3.IntegrityError:
            raise DoesNotHoldError(f"{DESCRIPTION} lists {path} twice") from None
        except UnicodeEncodeError:
            raise DoesNotHoldError(f"{DESCRIPTION} has half a character in what it says of {path}") from None

    def stated_rows(self, path: str) -> str | None:
        """How many it says, as it says it."""
        return self._one("select rows from stated where path = ?", path)

    def require_stated(self, ending: str) -> None:
        """Raises ``DoesNotHoldError`` unless the description states exactly the files in the pack that end so."""
        odd = self._one(
            "select path from (select path from found union all select path from stated)"
            " where substr(path, -?1) = ?2 group by path having count(*) = 1 order by path",
            len(ending),
            ending,
        )
        if odd:
            raise DoesNotHoldError(f"{odd} is either not in the pack or not among the files of {DESCRIPTION}")

    def _one(self, query: str, *values: object) -> str | None:
        row = self._index.execute(f"{query} limit 1", values).fetchone()
        return row[0] if row is not None else None
