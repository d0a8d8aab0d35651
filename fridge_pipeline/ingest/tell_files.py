"""Tell files: the exceptions about what could not be used of some files, opened or ended with their load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import polars as pl

from fridge_pipeline.ingest.load_transaction import Content, LoadTransaction
from fridge_pipeline.ingest.rejection_tally import RejectionTally
from fridge_pipeline.ingest.tallies import FileTally


def tell_files(
    transaction: LoadTransaction,
    tallies: Sequence[FileTally],
    rejections: RejectionTally,
    by_tenant: pl.DataFrame,
    now: datetime,
) -> None:
    """Says of each file what is so now; what waited in another content of it, and is not in this one, stays told."""
    unreadable = {tally.file_id: tally.unreadable_detail for tally in tallies if tally.damage is not None}
    _tell(transaction, "unreadable_file", tallies, unreadable, now)
    _tell(transaction, "rows_rejected", tallies, rejections.to_tell(tallies, by_tenant), now)
    before = transaction.waiting_before([_content(tally) for tally in tallies])
    waiting = {
        "sensors_unregistered": rejections.waiting.to_tell(),
        "columns_refused": _changes(tallies, are_refused=True),
    }
    for kind, details in waiting.items():
        rows = {tally.file_id: before.get((kind, tally.file.path)) for tally in tallies}
        replaced = {file_id: _replaced(count) for file_id, count in rows.items() if count}
        _tell(transaction, kind, tallies, {**replaced, **details}, now)
        used = [_content(tally) for tally in tallies if tally.file_id not in details and not _is_of_its_name(tally)]
        transaction.close_renamed(kind, used, now)
    told = _changes(tallies, are_refused=False)
    if told:  # until somebody settles it: the next file with these columns is no news
        _open(transaction, "columns_changed", tallies, told, now)


def _tell(
    transaction: LoadTransaction, kind: str, tallies: Sequence[FileTally], details: Mapping[int, str], now: datetime
) -> None:
    """Opens the files' exceptions of a kind, and closes those of the files that have no detail any more."""
    transaction.close_exceptions(kind, [tally.file.path for tally in tallies if tally.file_id not in details], now)
    if details:
        _open(transaction, kind, tallies, details, now)


def _open(
    transaction: LoadTransaction, kind: str, tallies: Sequence[FileTally], details: Mapping[int, str], now: datetime
) -> None:
    told = [tally.exception(details[tally.file_id]) for tally in tallies if tally.file_id in details]
    transaction.open_exceptions(kind, told, now)


def _changes(tallies: Sequence[FileTally], *, are_refused: bool) -> dict[int, str]:
    return {
        tally.file_id: tally.changes
        for tally in tallies
        if tally.changes is not None and (tally.refused_shape is not None) is are_refused
    }


def _replaced(rows: int) -> str:
    return (
        f"{rows} rows of a content that was replaced wait, and in what lies there now none of them does. If their "
        "readings came otherwise, or are nobody's: fridge settle EXCEPTION --how no_loss. If not, have that content "
        "delivered again under another name"
    )


def _content(tally: FileTally) -> Content:
    source = tally.file.source
    sha256 = None if source is None else source.sha256
    return Content(tally.file.landing_hour.start, tally.file.path, tally.snapshot.content_hash, sha256)


def _is_of_its_name(tally: FileTally) -> bool:
    """Whether a part of its readings' identity stands in its path: under another name they are others."""
    source = tally.file.source
    return source is not None and any(field and field.path for field in (source.tenant_id, source.sensor_id))
