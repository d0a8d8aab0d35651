"""The measures in the books: which are counted now, and what each declared one means, for good."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.condition import condition_of
from fridge_pipeline.catalogue.measure import BUILT_IN, Aggregate, Measure
from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.catalogue.number_record import keep_numbers, recorded_numbers, require_same_numbers
from fridge_pipeline.catalogue.reading_number import ReadingNumber
from fridge_pipeline.database.queries import meters_of, statement

#: Earlier than any reading: where nothing was counted yet, no hour was billed without the new measure.
FROM_THE_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


class MeasureChangedError(ValueError):
    """A name has another meaning in the file than in the books."""

    def __init__(self, given: Measure, recorded: Measure) -> None:
        super().__init__(
            f"FRIDGE_METERS: measure {given.name} is {_said(given)}, and in the books it is {_said(recorded)}, which "
            f"usage was counted by: a definition never changes. Write the new one under a new name, with a meter of "
            f"its own, and remove the meter of {given.name} when it is no longer billed"
        )


class MeterChangedError(ValueError):
    """An event name under which usage was sent is given to another measure."""


def require_same_meters(connection: psycopg.Connection, catalogue: Sequence[Meter]) -> None:
    """Raises ``MeterChangedError`` where a meter has another measure than was sent to it.

    What was sent would be corrected to the other measure, in every hour that can still be: billed usage would go.
    """
    for event_name, before, after in connection.execute(
        statement("meters_of_other_measures"), meters_of(tuple(catalogue))
    ).fetchall():
        raise MeterChangedError(
            f"FRIDGE_METERS: meter {event_name} has the measure {after}, and usage of {before} was sent to it: each "
            f"hour of the last 35 days would be sent anew, as {after}. Give {after} a meter with another event name"
        )


def keep_measures(
    connection: psycopg.Connection, declared: Iterable[Measure], now: datetime, numbers: Iterable[ReadingNumber] = ()
) -> None:
    """Puts measures that the books do not know on record, and says that these, of all declared, are counted now.

    One that does not say from when is counted from the hour that is running, and from the beginning where nothing was
    counted yet. ``numbers`` are those that the sources keep. Raises ``MeasureChangedError`` and ``NumberChangedError``.
    """
    declared = tuple(declared)
    with connection.transaction():
        keep_numbers(connection, [*numbers, *(number for measure in declared for number in measure.numbers)], now)
        connection.execute(statement("lock_measures"))
        known = require_same_measures(connection, declared)
        for measure in declared:
            if measure.name not in known:
                row = _row(measure, measure.counted_from or _first_hour(connection, now), now)
                connection.execute(statement("add_measure"), row)
                connection.execute(statement("declare_measure"), row)
        connection.execute(statement("count_measures"), {"names": [measure.name for measure in declared]})


def require_same_measures(
    connection: psycopg.Connection, declared: Iterable[Measure], numbers: Iterable[ReadingNumber] = ()
) -> dict[str, Measure]:
    """All measures that were ever declared, by name. Raises ``MeasureChangedError`` where one means something else.

    And ``NumberChangedError`` where a number of the sources does.
    """
    declared = tuple(declared)
    require_same_numbers(connection, [*numbers, *(number for measure in declared for number in measure.numbers)])
    known = {measure.name: measure for measure in _recorded(connection, "recorded_measures")}
    for measure in declared:
        found = known.get(measure.name, measure)
        if measure != found or measure.counted_from not in {None, found.counted_from}:
            raise MeasureChangedError(measure, found)
    return known


def declared_in_force(connection: psycopg.Connection) -> tuple[Measure, ...]:
    """The declared measures that are counted now."""
    return tuple(_recorded(connection, "recorded_measures_in_force"))


def measures_in_force(connection: psycopg.Connection) -> tuple[Measure, ...]:
    """All measures that are counted now."""
    return (*BUILT_IN, *declared_in_force(connection))


def _recorded(connection: psycopg.Connection, name: str) -> list[Measure]:
    with connection.cursor(row_factory=dict_row) as cursor:
        measures = [
            Measure(
                name=row["measure"],
                aggregate=Aggregate(row["aggregate"]),
                column=row["measured_column"],
                condition=row["condition"] and condition_of(row["condition"]),
                scale=row["scale"],
                counted_from=row["counted_from"],
            )
            for row in cursor.execute(statement(name)).fetchall()
        ]
    if not measures:
        return measures
    numbers = recorded_numbers(connection).values()
    return [replace(each, numbers=tuple(one for one in numbers if one.name in each.columns)) for each in measures]


def _first_hour(connection: psycopg.Connection, now: datetime) -> datetime:
    is_counted = connection.execute(statement("has_usage")).fetchone() == (True,)
    return Hour.containing(now).start if is_counted else FROM_THE_BEGINNING


def _row(measure: Measure, counted_from: datetime, now: datetime) -> dict[str, Any]:
    return {
        "name": measure.name,
        "definition": measure.definition,
        "aggregate": measure.aggregate.value,
        "column": measure.column,
        "condition": None if measure.condition is None else Jsonb(measure.condition.tree),
        "scale": measure.scale,
        "counted_from": counted_from,
        "now": now,
    }


def _said(measure: Measure) -> str:
    since = "" if measure.counted_from is None else f", from {Hour.containing(measure.counted_from)} on"
    return f"{measure.definition}{since}"
