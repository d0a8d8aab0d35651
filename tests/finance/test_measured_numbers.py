"""Numbers that sources keep with readings, measured and billed: exact, by polars and by SQL, and never zero for none."""

from __future__ import annotations

import json
import random
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import psycopg
import pytest

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.condition import read_condition
from fridge_pipeline.catalogue.measure import OF_NUMBERS, Aggregate, Measure
from fridge_pipeline.catalogue.measure_record import declared_in_force, keep_measures
from fridge_pipeline.catalogue.measures_file import read_measures
from fridge_pipeline.catalogue.meters_file import read_catalogue
from fridge_pipeline.catalogue.number_record import NumberChangedError, keep_numbers, recorded_numbers
from fridge_pipeline.catalogue.reading_number import NumberType, ReadingNumber
from fridge_pipeline.finance.backtest_hours import backtest
from fridge_pipeline.finance.explain_hour import explain_hour
from fridge_pipeline.finance.report_month import read_books, write_report
from fridge_pipeline.finance.verify_evidence import verify_evidence
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.ingest.recount_files import recount
from fridge_pipeline.ingest.rules.source import numbers_of
from fridge_pipeline.ingest.sources_file import read_sources
from fridge_pipeline.stripe.create_meters import create_missing_meters
from tests.finance.books import FinanceBooks
from tests.finance.evidence.books import made
from tests.finance.test_declared_measures import METERS, in_small_batches, quantities
from tests.pipeline import CLOSE_AFTER, Pipeline

SOURCE = """
[[source]]
name = "{name}"
match = "{name}-*"
tenant_id = {{ column = "tenant" }}
sensor_id = {{ column = "id" }}
recorded_at = {{ column = "at" }}
temperature = {{ column = "t" }}
"""
NUMBER = 'numbers.{name} = {{ column = "{name}", type = "{type}" }}\n'

#: The numbers that the random sources have some of.
NUMBERS = [ReadingNumber(f"n{place}", NumberType.DECIMAL if place % 2 else NumberType.INTEGER) for place in range(4)]

#: A reading of a file: its tenant, sensor, time, and the numbers that it says.
Said = tuple[str, str, datetime, Mapping[str, Decimal]]


def lines_of(said: Sequence[Said]) -> bytes:
    """As a gateway writes them, numbers as they are."""
    rows = [
        {
            "tenant": tenant,
            "id": sensor,
            "at": f"{at:%FT%TZ}",
            "t": 4.5,
            **{name: str(n) for name, n in numbers.items()},
        }
        for tenant, sensor, at, numbers in said
    ]
    return "\n".join(map(json.dumps, rows)).encode()


def some_number(chance: random.Random, number: ReadingNumber) -> Decimal:
    """Among them the largest, the smallest part, and what lies half way to the next whole one."""
    most = Decimal(1_000_000_000) / number.type.parts
    values = [0, 1, 2, 7, most, chance.randint(0, 10**6), chance.choice((-1, -most))]
    if number.type is NumberType.DECIMAL:
        values += ["0.001", "0.5", "1.5", "0.25", "999999.999", Decimal(chance.randint(0, 10**9)) / 1000]
    return Decimal(chance.choice(values))


def some_measure(chance: random.Random, name: str) -> Measure:
    """Of one of the numbers, where another one, or this one, is in some range."""
    number, other = chance.choice(NUMBERS), chance.choice(NUMBERS)
    aggregate = chance.choice(list(Aggregate))
    bound = chance.choice(("0", "1", "0.25", "0.5", "1.5", "100000", "-1"))
    condition = f"{other.name} {chance.choice(('>', '>=', '<', '<>', '='))} {bound}"
    if aggregate in OF_NUMBERS:
        condition = f"{number.name} >= 0 and ({condition} or temperature_c > {chance.choice((4, 5))})"
    columns = {"sensor_id": str, "temperature_c": float, **{each.name: float for each in NUMBERS}}
    return Measure(
        name,
        aggregate,
        "sensor_id" if aggregate is Aggregate.DISTINCT else number.name,
        read_condition(condition, columns),
        chance.choice((1, 7, 10, 1000)) if aggregate in OF_NUMBERS else 1,
        numbers=tuple({number, other}),
    )


@dataclass
class Expected:
    """What a measure comes to, computed here a third time, with decimals and loops."""

    measure: Measure

    def counts(self, numbers: Mapping[str, Decimal]) -> bool:
        """Whether the condition is true of a reading with these numbers, at 4.5 degrees."""
        return bool(_true(self.measure.condition, {**numbers, "temperature_c": Decimal("4.5")}))

    def quantity(self, kept: Sequence[Said]) -> int | None:
        """Of the readings of a tenant and hour; None where none of them is counted."""
        counted = [said for said in kept if self.counts(said[3])]
        if self.measure.aggregate is Aggregate.DISTINCT:
            return len({sensor for _, sensor, *_ in counted}) or None
        values = [said[3][self.measure.column] for said in counted if self.measure.column in said[3]]
        if self.measure.aggregate is Aggregate.COUNT:
            return len(values) or None
        of_values: Callable[[Sequence[Decimal]], Decimal | int]
        of_values = {Aggregate.SUM: sum, Aggregate.MIN: min, Aggregate.MAX: max}[self.measure.aggregate]
        if not values:
            return None
        return int((of_values(values) * self.measure.scale).quantize(Decimal(1), ROUND_HALF_UP))


def _true(condition: object, values: Mapping[str, Decimal]) -> bool | None:
    operator, parts = condition.operator, getattr(condition, "parts", None)  # type: ignore[attr-defined]
    if parts is not None:
        found = [_true(part, values) for part in parts]
        decisive = operator == "or"
        return decisive if decisive in found else None if None in found else not decisive
    if condition.column not in values:  # type: ignore[attr-defined]
        return None
    value, (bound,) = values[condition.column], condition.values  # type: ignore[attr-defined]
    compared = {">": value > bound, ">=": value >= bound, "<": value < bound, "=": value == bound, "<>": value != bound}
    return compared[operator]


@pytest.mark.parametrize("seed", range(3))
def test_polars_sql_and_arithmetic_by_hand_make_the_same_of_random_sources_values_and_measures(
    pipeline: Pipeline, two_days_ago: datetime, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance, hour = random.Random(seed), Hour(two_days_ago)  # noqa: S311 # not for secrets
    kept_by = {f"s{n}": chance.sample(NUMBERS, chance.randint(0, len(NUMBERS))) for n in range(4)}
    pipeline.zone = LocalLanding(
        str(pipeline.landing),
        read_sources(
            "".join(
                SOURCE.format(name=name) + "".join(NUMBER.format(name=n.name, type=n.type) for n in numbers)
                for name, numbers in kept_by.items()
            )
        ),
    )
    stored: dict[tuple[str, str, datetime], tuple[Hour, Said]] = {}
    for number in range(12):
        name = chance.choice(list(kept_by))
        said: list[Said] = [
            (
                chance.choice(("cohoes", "troy")),
                chance.choice("abc"),
                hour.start + timedelta(minutes=chance.randrange(55)),  # so that many come twice, with other numbers
                {n.name: some_number(chance, n) for n in NUMBERS if chance.random() < 0.7},
            )
            for _ in range(chance.randint(1, 40))
        ]
        landed = hour.plus(chance.randrange(2))
        pipeline.land(landed, f"{name}-{number}.ndjson", lines_of(said))
        pipeline.load(landed)
        known = {n.name for n in kept_by[name]}
        for tenant, sensor, at, numbers in said:
            reading = (tenant, sensor, at, {n: value for n, value in numbers.items() if n in known})
            stored.setdefault((tenant, sensor, at), (landed, reading))

    measures = [some_measure(chance, f"m{number}") for number in range(40)]
    with pipeline.database.connect() as connection:
        keep_measures(connection, [replace(each, counted_from=hour.start) for each in measures], pipeline.clock())
    in_small_batches(monkeypatch)
    pipeline.count(hour, hour.plus(1))
    pipeline.run_models(hour, hour.plus(1))
    expected = sorted(
        (tenant, landed.key, measure.name, quantity)
        for tenant in ("cohoes", "troy")
        for landed in (hour, hour.plus(1))
        for measure in measures
        if (
            quantity := Expected(measure).quantity(
                [said for at, said in stored.values() if at == landed and said[0] == tenant]
            )
        )
        is not None
    )
    assert len(expected) > 20
    assert quantities(pipeline, "usage") == expected
    assert quantities(pipeline, "derived_usage") == expected
