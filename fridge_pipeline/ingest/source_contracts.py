"""Contracts in the database: what is known when files are loaded, what they bring anew, and what a person accepts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import psycopg
from psycopg.rows import class_row
from pydantic import TypeAdapter

from fridge_pipeline.calendar.hours import HourRange
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.queries import span_of, statement
from fridge_pipeline.ingest.rules.landing_files import LandingFile
from fridge_pipeline.ingest.rules.source import ContractMode, Source
from fridge_pipeline.ingest.rules.source_contract import (
    Contract,
    SeenShape,
    Shape,
    changes_told,
    keys_changed,
    keys_told,
)

if TYPE_CHECKING:
    from fridge_pipeline.ingest.load_transaction import KnownContent
    from fridge_pipeline.ingest.tallies import FileTally

_Key = tuple[str | None, str | None, str]


class Contracts:
    """The contracts by which some files are read, once; what they bring anew is learned on the way."""

    def __init__(
        self, connection: psycopg.Connection, sources: Sequence[Source], clock: Callable[[], datetime]
    ) -> None:
        self.new: list[SeenShape] = []
        self._clock = clock
        self._known: dict[_Key, Contract] = {}
        self._refused: dict[str, list[str]] = {}
        hashes = [source.sha256 for source in sources]
        names = [source.name for source in sources]
        self._before: dict[str | None, dict[str, object]] = dict(
            connection.execute(statement("definitions_before"), {"sources": names, "hashes": hashes}).fetchall()
        )
        for sha256, *key, columns, changes, is_waiting in connection.execute(
            statement("known_shapes"), {"hashes": hashes}
        ).fetchall():
            if is_waiting:
                self._refused[sha256] = changes
            else:
                self._known.setdefault((key[0], key[1], key[2]), Contract()).learn(columns)

    def looking_at(self, tally: FileTally) -> Callable[[Shape], None]:
        """What the file's reader calls with its shape, before its rows."""
        return lambda shape: self._see(tally, shape)

    def _see(self, tally: FileTally, shape: Shape) -> None:
        source = tally.file.source
        named = (None, None) if source is None else (source.name, source.sha256)
        contract = self._known.setdefault((*named, shape.format), Contract())
        if not contract.is_news(shape):
            return
        if source is not None and contract.is_empty and (keys := keys_changed(source, self._before.get(source.name))):
            tally.changes = keys_told(source.name, keys)
        sha256 = shape.sha256(*named)
        changes = self._refused.get(sha256) or contract.changes(shape)
        is_refused = bool(changes) and source is not None and source.contract is ContractMode.REFUSE
        if changes:
            tally.changes = changes_told(changes, named[0])
            tally.refused_shape = sha256 if is_refused else None
        if sha256 not in self._refused:
            self.new.append(
                SeenShape(
                    sha256,
                    source=named[0],
                    source_sha256=named[1],
                    format=shape.format,
                    columns=shape.as_json(),
                    changes=changes,
                    is_refused=is_refused,
                    path=tally.file.path,
                    seen_at=self._clock(),
                )
            )
        if is_refused:
            self._refused[sha256] = changes
        else:
            contract.learn(shape.columns)


def note_definitions(connection: psycopg.Connection, sources: Sequence[Source], now: datetime) -> None:
    """Puts the sources on record that the pipeline runs with, each definition once, and that they are others now."""
    named = _named(sources)
    definitions = [json.dumps(source.definition) for source in sources]
    with connection.transaction():
        connection.execute(statement("note_definitions"), {**named, "definitions": definitions, "now": now})
        connection.execute(
            statement("note_source_list"),
            {"list_sha256": list_sha256_of(sources), "has_sources": bool(sources), "now": now},
        )


def list_sha256_of(sources: Sequence[Source]) -> str:
    """What all sources together are, in their order."""
    return hashlib.sha256(json.dumps(_named(sources)).encode()).hexdigest()


def _named(sources: Sequence[Source]) -> dict[str, list[str]]:
    return {
        "sources": [source.name for source in sources],
        "hashes": [source.sha256 for source in sources],
        "patterns": [source.match for source in sources],
    }


def as_read_before(file: LandingFile, before: KnownContent | None) -> LandingFile:
    """The file, by the source that stored readings of this content; by its own one where none were."""
    present = None if file.source is None else file.source.sha256
    if before is None or not before.has_readings or before.source_sha256 == present:
        return file
    if before.definition is None:
        return replace(file, source=None) if before.source is None else file
    given = {"name": before.source, "match": "*", **json.loads(before.definition)}
    return replace(file, source=TypeAdapter(Source).validate_python(given))


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What was accepted: the changes of each shape, and how many landing files are read again for it."""

    changes: list[list[str]]
    files: int


def accept_shapes(database: Database, source: str, reason: str) -> Acceptance:
    """Accepts the columns for which files of the source wait, as an act of a person."""
    with database.connect() as connection:
        waiting = connection.execute(statement("shapes_to_accept"), {"source": source}).fetchall()
        with connection.transaction(), database.acting(connection) as own, own.cursor() as writing:
            writing.executemany(
                statement("accept_shape"), [{"shape_sha256": sha256, "reason": reason} for sha256, _ in waiting]
            )
        row = connection.execute(statement("count_files_to_read_again")).fetchone()
    return Acceptance([changes for _, changes in waiting], int(row[0]) if row else 0)


@dataclass(frozen=True, slots=True)
class ChangedColumns:
    """A landing file whose columns are told, and whether its rows wait."""

    path: str
    detail: str
    is_refused: bool

    def __str__(self) -> str:
        return f"{self.path}: {self.detail}{' (refused, it waits)' if self.is_refused else ''}"


def changed_columns(connection: psycopg.Connection, hours: HourRange, most: int) -> list[ChangedColumns]:
    """The files of some hours of which it is told and not settled, by their paths."""
    with connection.cursor(row_factory=class_row(ChangedColumns)) as cursor:
        refused, told = "columns_refused", "columns_changed"
        parameters = {**span_of(hours), "refused": refused, "kinds": [refused, told], "most": most}
        return cursor.execute(statement("changed_columns_of_hours"), parameters).fetchall()
