"""Write: what has changed in the books, into the Delta tables of the lake; whole days, so nothing stands twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from psycopg import sql

from fridge_pipeline.calendar.days import ONE_DAY, DayRange, consecutive
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.queries import span_of, statement, value_of
from fridge_pipeline.ingest.rules.location import Location
from fridge_pipeline.stripe.rules.limits import OLDEST_TIMESTAMP

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable

#: Table → statement of its rows in some days.
DAILY = {"usage": "lake_usage", "ledger": "lake_ledger", "tie_out": "lake_tie_out"}

#: These few rows are replaced together, because a comparison that is made again may be gone.
INVOICES = ("invoices", "lake_invoices")

#: As long a transaction may have been open: what it brought has an earlier time than the look that did not see it.
OPEN_MAX = timedelta(hours=1)

#: A cause may change because time has passed, with nothing done: so the days that Stripe still takes, once a day.
RENEWED = OLDEST_TIMESTAMP + ONE_DAY

#: Days of one commit: a week of a thousand tenants is half a million rows.
DAYS_AT_A_TIME = 7

#: So long what was replaced can still be read, as the version that it was.
KEPT = timedelta(days=30)

#: In the commits: up to when the books are in the table. Kept in the lake, so a new or restored one fills by itself.
AS_OF = "fridge.as_of"

#: More digits than a sum has, before and behind the point.
DIGITS, DECIMALS = 38, 12


LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


class LakeNotWrittenError(RuntimeError):
    """The lake did not take what was to be written; its tables are as they were, or as far as they came."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a run has done to one table; ``version`` is Delta's number of it, where it is there."""

    table: str
    days: int
    rows: int
    version: int | None


def write_lake(database: Database, lake: Location, clock: Callable[[], datetime]) -> Iterator[Written]:
    """Brings each table up to the books as they are now.

    What is already there and has not changed is left alone. A run that ends half way is made good by the next.
    Raises ``LakeNotWrittenError`` and ``DatabaseUnreachableError``.
    """
    for name, rows_of in DAILY.items():
        table, now = _Table(str(lake / name)), clock()
        with _refusals(table.uri):
            as_of = table.as_of(now)
            days = changed_days(database, as_of, now)
            ranges = [piece for each in consecutive(days) for piece in _pieces(each)]
            rows = 0
            for number, piece in enumerate(ranges, 1):
                is_last = number == len(ranges)
                rows += table.replace(piece, _rows(database, rows_of, **span_of(piece.hours)), now if is_last else None)
            table.forget_replaced(as_of, now)
            yield Written(name, len(days), rows, table.version)
    yield _write_invoices(database, lake, clock())


def changed_days(database: Database, as_of: datetime | None, now: datetime) -> list[date]:
    """The days to write: all that the books hold, where there is no table yet."""
    since = as_of - OPEN_MAX if as_of is not None else LONG_AGO
    with database.read_only().connect() as connection:
        days = {day for (day,) in connection.execute(statement("lake_days"), {"since": since}).fetchall()}
    if as_of is not None and as_of.date() < now.date():
        days.update(DayRange((now - RENEWED).date(), now.date()).days())
    return sorted(days)


def _write_invoices(database: Database, lake: Location, now: datetime) -> Written:
    name, rows_of = INVOICES
    table = _Table(str(lake / name))
    with _refusals(table.uri):
        as_of = table.as_of(now)
        since = as_of - OPEN_MAX if as_of is not None else LONG_AGO
        with database.read_only().connect() as connection:
            is_new = value_of(connection, "invoices_compared_since", {"since": since})
        rows = table.replace(None, _rows(database, rows_of), now) if is_new else 0
        table.forget_replaced(as_of, now)
        return Written(name, 0, rows, table.version)


def _pieces(days: DayRange) -> Iterator[DayRange]:
    for start in range(0, days.count, DAYS_AT_A_TIME):
        first = days.first + start * ONE_DAY
        yield DayRange(first, min(first + (DAYS_AT_A_TIME - 1) * ONE_DAY, days.last))


def _rows(database: Database, name: str, **values: datetime) -> pa.Table:
    """What a statement gives. PostgreSQL's numeric, which Arrow has no number for, becomes an exact decimal."""
    import pyarrow as pa  # noqa: PLC0415 # with its driver, see connect_bulk

    literals = {key: sql.Literal(value) for key, value in values.items()}
    with database.read_only().connect_bulk(autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(sql.SQL(statement(name)).format(**literals).as_string())
        found = cursor.fetch_arrow_table()
    exact = pa.decimal128(DIGITS, DECIMALS)
    columns = [
        pa.chunked_array([chunk.storage.cast(exact) for chunk in column.chunks], type=exact)
        if isinstance(column.type, pa.OpaqueType)
        else column
        for column in found.columns
    ]
    return pa.table(columns, names=found.column_names)


class _Table:
    """A Delta table of the lake by its URI; made when the first rows are put into it."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        # A plain endpoint is only ever asked where AWS_ENDPOINT_URL names one: stores in one's own network.
        self._options = {"allow_http": "true"} if "://" in uri else {}

    def as_of(self, now: datetime) -> datetime | None:
        """Up to when the books are in it; ``None`` where nobody can say, or what stands there cannot be."""
        table = self._opened()
        history = table.history() if table is not None else []
        said = next((str(commit[AS_OF]) for commit in history if AS_OF in commit), None)
        try:
            moment = datetime.fromisoformat(said) if said is not None else None
        except ValueError:
            return None
        return moment if moment is not None and moment.tzinfo is not None and moment <= now else None

    def replace(self, days: DayRange | None, rows: pa.Table, as_of: datetime | None) -> int:
        """Puts rows in the place of those of some days, or of all; one commit. Returns how many there are now."""
        from deltalake import CommitProperties, write_deltalake  # noqa: PLC0415 # 120 MiB that only the lake needs

        table = self._opened() if days is not None else None
        if table is not None:
            self._refuse_other_types(table, rows)
        # Dates of ours, in Delta's own language.
        where = f"day >= '{days.first}' and day <= '{days.last}'" if days is not None and table is not None else None
        write_deltalake(
            self.uri,
            rows,
            partition_by=["day"],
            mode="overwrite",
            predicate=where,
            schema_mode="merge" if where else "overwrite",
            commit_properties=CommitProperties(custom_metadata={AS_OF: as_of.isoformat()} if as_of else {}),
            storage_options=self._options,
        )
        return int(rows.num_rows)

    def _refuse_other_types(self, table: DeltaTable, rows: pa.Table) -> None:
        """Delta's writer (deltalake 1.x) puts 1.9 into a column of whole numbers as 1, and says nothing."""
        from deltalake import Schema  # noqa: PLC0415 # as above

        there = {field.name: field.type for field in table.schema().fields}
        now = {field.name: field.type for field in Schema.from_arrow(rows.schema).fields}
        other = [name for name, kind in now.items() if there.get(name, kind) != kind]
        if other:
            raise LakeNotWrittenError(
                f"{self.uri} was not written: {', '.join(other)} is of another type there than in this release, and "
                "values would be cut. Remove the table; the next run writes all of it anew"
            )

    def forget_replaced(self, as_of: datetime | None, now: datetime) -> None:
        """Once a day: removes the files of versions that are not kept."""
        table = self._opened()
        if table is not None and as_of is not None and as_of.date() < now.date():
            table.vacuum(retention_hours=KEPT // timedelta(hours=1), dry_run=False)

    @property
    def version(self) -> int | None:
        """Delta's number of what is there now."""
        table = self._opened()
        return table.version() if table is not None else None

    def _opened(self) -> DeltaTable | None:
        from deltalake import DeltaTable  # noqa: PLC0415 # as above

        is_there = DeltaTable.is_deltatable(self.uri, self._options)
        return DeltaTable(self.uri, storage_options=self._options) if is_there else None


@contextmanager
def _refusals(uri: str) -> Iterator[None]:
    """In our words: what a store answers may repeat a request with its access key, so of that only the kind goes on."""
    from deltalake.exceptions import DeltaError  # noqa: PLC0415 # as above

    try:
        yield
    except (DeltaError, OSError) as error:
        said = type(error).__name__ if "://" in uri else f"{type(error).__name__}: {error}"
        raise LakeNotWrittenError(
            f"{uri} was not written ({said}); what is there stays. Check that it answers and may be written, and that "
            "nobody else writes it; the next run makes up for this one"
        ) from None
