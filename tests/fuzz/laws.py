"""What must hold of any landing files whatever, once they have been loaded; each broken law is told in a sentence."""

from __future__ import annotations

import math
import os
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.run import Run
from fridge_pipeline.ingest.landing.formats import read_batches
from fridge_pipeline.ingest.landing.landing_errors import UnreadableFileError
from fridge_pipeline.ingest.landing.lines import BLOCK_BYTES
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.ingest.landing.private_copy import Snapshot, take_snapshot
from fridge_pipeline.ingest.load import load_hours
from fridge_pipeline.ingest.rules.landing_files import FileFormat, storable_path
from fridge_pipeline.ingest.rules.reading import FIELDS
from tests.fuzz.source_files import sources

#: After all times in the files of the gallery.
FIRST_HOUR = datetime(2026, 2, 1, tzinfo=UTC)
_READ_TWICE, _SMALL_BYTES = 60, 20_000
_NOW = datetime(2026, 12, 1, tzinfo=UTC)

#: Name of a file → its bytes.
Files = Mapping[str, bytes]


@dataclass
class Ground:
    """A database and a landing zone in which every batch of files gets an hour of its own."""

    database: Database
    folder: Path
    hours_used: int = 0
    landing: Path | None = None

    def next_hour(self) -> Hour:
        """An hour that no file has landed in."""
        self.hours_used += 1
        return Hour(FIRST_HOUR + timedelta(hours=self.hours_used - 1))


def broken_laws(ground: Ground, files: Files, intact: Mapping[str, int], *, copies: bool = False) -> list[str]:
    """What the files break when they are loaded together.

    ``intact`` are files that nobody damaged, with the readings that they bring. With ``copies`` all files are
    delivered once more under other names.
    """
    hour = ground.next_hour()
    folder = ground.folder / "landing" / hour.folder
    folder.mkdir(parents=True)
    for name, body in files.items():
        (folder / name).write_bytes(body)
    broken = list(_in_small_blocks(dict(list(files.items())[:_READ_TWICE]), ground.folder / "work"))
    for attempt in (_first_load, _same_again, *([_copies] if copies else [])):
        try:
            broken += attempt(ground, hour, folder, files, intact)
        except BaseException as error:
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                raise
            return [
                *broken,
                f"the loader died: {type(error).__name__}: {str(error)[:500]}\n{traceback.format_exc()[-3000:]}",
            ]
    return broken


def _load(ground: Ground, hour: Hour) -> None:
    run, zone = Run(ground.database, (), lambda: _NOW, "fuzz"), LocalLanding(str(ground.folder / "landing"), sources())
    for load in load_hours(run, zone, HourRange(hour, hour), ground.folder / "work"):
        assert load.failure is None, load.failure


def _in_small_blocks(files: Files, folder: Path) -> Iterator[str]:
    """Text is read in blocks, the fast way or with care; where a block ends must change no row."""
    for name, body in files.items():
        file_format = FileFormat.of(name)
        if file_format in (None, FileFormat.PARQUET) or len(body) > _SMALL_BYTES:
            continue
        with take_snapshot(BytesIO(body), folder, file_format) as snapshot:
            if snapshot.path.stat().st_size > _SMALL_BYTES:
                continue
            try:
                whole, small = (_read(snapshot, file_format, block_bytes) for block_bytes in (BLOCK_BYTES, 97))
            except Exception as error:  # noqa: BLE001  # whatever it is, it breaks the load
                yield f"{name!r} kills its reader: {type(error).__name__}: {str(error)[:500]}"
                continue
        if whole[0] and small[0] and whole != small:  # of ndjson, the first block decides whether it is any
            different = [pair for pair in zip(whole[0], small[0], strict=False) if pair[0] != pair[1]]
            yield f"{name!r} reads differently in small blocks: {different[:1]} {whole[1]!r} {small[1]!r}"


def _read(
    snapshot: Snapshot, file_format: FileFormat | None, block_bytes: int
) -> tuple[list[tuple[Any, ...]], str | None]:
    rows: list[tuple[Any, ...]] = []
    try:
        for frame in read_batches(snapshot, file_format, block_bytes=block_bytes):
            rows += [_meaning(row) for row in frame.select("line", "fault", "raw", *FIELDS).iter_rows()]
    except UnreadableFileError as error:
        return rows, error.reason
    return rows, None


def _meaning(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Of a faulty row the fields mean nothing, 4.0 is 4, and NUL and U+FFFD both say that an id is broken."""
    line, fault, raw, *fields = row
    return (line, fault, raw, *(() if fault else map(_value, fields)))


def _value(text: str | None) -> str | None:
    try:
        return text if text is None else repr(float(text))
    except ValueError:
        return text.replace("\0", "\ufffd") if text else text


def _first_load(ground: Ground, hour: Hour, folder: Path, files: Files, intact: Mapping[str, int]) -> Iterator[str]:
    _load(ground, hour)
    books = _books(ground, hour)
    for name in files:
        path = storable_path(f"{hour.folder}/{name}")
        if path not in books:
            yield f"{name!r} vanished: it is in no table"
            continue
        book = books[path]
        yield from (f"{name!r}: {what}" for what in _accounting(book))
        if name in intact and (book["inserted_count"], book["status"]) != (intact[name], "loaded"):
            yield f"{name!r} is intact with {intact[name]} readings, but: {book}"
    yield from _invalid_readings(ground, hour)
    left = [str(path) for path in (ground.folder / "work").iterdir()]
    if left:
        yield f"the loader left {left} behind"


def _accounting(book: Mapping[str, Any]) -> Iterator[str]:
    if book["row_count"] != book["inserted_count"] + book["duplicate_count"] + book["rejected_count"]:
        yield f"rows are unaccounted for: {book}"
    if (book["stored"], book["kept"]) != (book["inserted_count"], book["rejected_count"]):
        yield f"counts are not what is stored: {book}"
    if book["duplicate_count"] < 0:
        yield f"less than no duplicates: {book}"
    if (book["status"] == "loaded") != (book["detail"] is None):
        yield f"an exception and a status that disagree: {book}"
    if book["detail"] is not None and len(book["detail"]) < 20:
        yield f"an exception that says nothing: {book}"


def _same_again(ground: Ground, hour: Hour, folder: Path, files: Files, _: Mapping[str, int]) -> Iterator[str]:
    before = _totals(ground)
    for name in files:
        os.utime(folder / name, ns=(1, 1))  # listed as changed, so every byte is looked at again
    _load(ground, hour)
    if (after := _totals(ground)) != before:
        yield f"the same files again changed the books from {before} to {after}"


def _copies(ground: Ground, hour: Hour, folder: Path, files: Files, _: Mapping[str, int]) -> Iterator[str]:
    books = _books(ground, hour)
    for number, name in enumerate(files):
        (folder / f"copy{number:06}-{name[-60:]}").write_bytes(files[name])
    _load(ground, hour)
    after = _books(ground, hour)
    for number, name in enumerate(files):
        first = books[storable_path(f"{hour.folder}/{name}")]
        copy = after[storable_path(f"{hour.folder}/copy{number:06}-{name[-60:]}")]
        if copy["inserted_count"] != 0:
            yield f"{name!r} was counted twice: {first} and as a copy {copy}"
        if [first[key] for key in ("row_count", "rejected_count", "status")] != [
            copy[key] for key in ("row_count", "rejected_count", "status")
        ]:
            yield f"{name!r} reads differently the second time: {first} and {copy}"


def _invalid_readings(ground: Ground, hour: Hour) -> Iterator[str]:
    """DESIGN section 5, said once more and otherwise than the loader says it."""
    earliest = hour.start.replace(year=hour.start.year - 3)
    latest = hour.start + timedelta(hours=1, minutes=5)
    for tenant, sensor, at, celsius in _rows(
        ground,
        "select tenant_id, sensor_id, recorded_at, temperature_c from fridge.readings where landing_hour = %s",
        hour.start,
    ):
        ids = all(text.strip() and len(text) <= 500 and not {"\0", "\ufffd"} & set(text) for text in (tenant, sensor))
        if not (ids and math.isfinite(celsius) and -100 <= celsius <= 150 and earliest <= at <= latest):
            yield f"stored though no valid reading: {(tenant, sensor, at, celsius)}"


def _books(ground: Ground, hour: Hour) -> dict[str, dict[str, Any]]:
    names = (
        "path",
        "row_count",
        "inserted_count",
        "duplicate_count",
        "rejected_count",
        "status",
        "stored",
        "kept",
        "detail",
    )
    rows = _rows(
        ground,
        "select path, row_count, inserted_count, duplicate_count, rejected_count, status,"
        " coalesce(stored.n, 0), coalesce(rejected.n, 0), exceptions.detail from fridge.landing_files"
        " left join (select file_id, count(*) as n from fridge.readings where landing_hour = %s group by 1) as stored"
        " using (file_id) left join (select file_id, sum(row_count)::bigint as n from fridge.rejected_rows where path like %s"
        " group by 1) as rejected using (file_id)"
        " left join fridge.exceptions on subject = path and kind = 'unreadable_file' and closed_at is null"
        " where landing_files.landing_hour = %s",
        hour.start,
        f"{hour.folder}/%",
        hour.start,
    )
    return {row[0]: dict(zip(names, row, strict=True)) for row in rows}


def _totals(ground: Ground) -> tuple[Any, ...]:
    return _rows(
        ground,
        "select count(*), sum(row_count), sum(inserted_count), (select count(*) from fridge.stored_readings),"
        " (select count(*) from fridge.rejected_readings), (select count(*) from fridge.exceptions)"
        " from fridge.landing_files",
    )[0]


def _rows(ground: Ground, query: str, *parameters: object) -> list[tuple[Any, ...]]:
    with ground.database.connect() as connection:
        return connection.execute(query.encode(), parameters or None).fetchall()
