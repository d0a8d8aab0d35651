"""Numbers that sources keep with readings, measured and billed: exact, twice, and never zero for none."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from pathlib import Path

import psycopg
import pytest

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.condition import Combination, Condition, read_condition
from fridge_pipeline.catalogue.measure import OF_NUMBERS, Aggregate, Measure
from fridge_pipeline.catalogue.measure_record import keep_measures
from fridge_pipeline.catalogue.number_record import NumberChangedError, keep_numbers, recorded_numbers
from fridge_pipeline.catalogue.reading_number import NumberType, ReadingNumber
from fridge_pipeline.corrections.withdraw import withdraw_file
from fridge_pipeline.finance.backtest_hours import backtest
from fridge_pipeline.finance.report_month import read_books, write_report
from fridge_pipeline.finance.verify_evidence import verify_evidence
from fridge_pipeline.ingest import load_files, prepare
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.ingest.reading_order import ReadingOrder
from fridge_pipeline.ingest.recount_files import recount
from fridge_pipeline.ingest.sources_file import read_sources
from fridge_pipeline.settings import read_settings
from tests.console_script import Run
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
    values: list[int | str | Decimal] = [0, 1, 2, 7, most, chance.randint(0, 10**6), chance.choice((-1, -most))]
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
        if not values:
            return None
        ends = {Aggregate.MIN: min(values), Aggregate.MAX: max(values)}
        found = ends.get(self.measure.aggregate, sum(values, Decimal()))
        return int((found * self.measure.scale).quantize(Decimal(1), ROUND_HALF_UP))


def _true(condition: Condition | None, values: Mapping[str, Decimal]) -> bool | None:
    assert condition is not None
    if isinstance(condition, Combination):
        found = [_true(part, values) for part in condition.parts]
        decisive = condition.operator == "or"
        return decisive if decisive in found else None if None in found else not decisive
    if condition.column not in values:
        return None
    value, bound = values[condition.column], Decimal(condition.values[0])
    compared = {">": value > bound, ">=": value >= bound, "<": value < bound, "=": value == bound, "<>": value != bound}
    return compared[condition.operator]


def in_small_portions(monkeypatch: pytest.MonkeyPatch, *, careful: bool) -> None:
    """Readings go over disk in portions of seven, and to the database beside other loads', or as one alone does."""
    monkeypatch.setattr(prepare, "ReadingOrder", partial(ReadingOrder, portion_rows=7))
    monkeypatch.setattr(load_files, "PLAIN_ATTEMPTS", 0 if careful else 2)


@pytest.mark.parametrize("seed", range(4))
def test_polars_sql_and_arithmetic_by_hand_make_the_same_of_random_sources_values_and_measures(
    pipeline: Pipeline, two_days_ago: datetime, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance, hour = random.Random(seed), Hour(two_days_ago)  # noqa: S311 # not for secrets
    kept_by = {f"s{n}": chance.sample(NUMBERS, chance.randint(n > 0, len(NUMBERS) * (n > 0))) for n in range(4)}
    pipeline.zone = LocalLanding(
        str(pipeline.landing),
        read_sources(
            "".join(
                SOURCE.format(name=name) + "".join(NUMBER.format(name=n.name, type=n.type) for n in numbers)
                for name, numbers in kept_by.items()
            )
        ),
    )
    in_small_portions(monkeypatch, careful=seed % 2 == 0)
    stored: dict[tuple[str, str, datetime], tuple[Hour, Said]] = {}
    waiting: dict[Hour, list[tuple[str, list[Said]]]] = {hour: [], hour.plus(1): []}
    for number in range(14):
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
        landed = hour.plus(chance.randrange(2) if number < 12 else number - 12)
        pipeline.land(landed, f"{name}-{number:02}.ndjson", lines_of(said))
        waiting[landed].append((f"{name}-{number:02}", said))
        if number > 11 or chance.random() < 0.5:  # else several files are loaded together
            pipeline.load(landed)
            for file, of_file in sorted(waiting[landed], key=lambda each: each[0]):
                known = {n.name for n in kept_by[file.partition("-")[0]]}
                for tenant, sensor, at, numbers in of_file:
                    reading = (tenant, sensor, at, {n: value for n, value in numbers.items() if n in known})
                    stored.setdefault((tenant, sensor, at), (landed, reading))
            waiting[landed] = []

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


UPLINKS = """
[[source]]
name = "uplinks"
match = "up-*.ndjson"
tenant_id = { column = "shop" }
sensor_id = { column = "id" }
recorded_at = { column = "at" }
temperature = { column = "t" }
"""

#: What a person adds to the source once the doors and the energy are to be billed.
KEPT = """
numbers.door_openings = { column = "door.count", type = "integer", missing = [-1] }
numbers.energy_wh = { column = "kwh", type = "decimal", scale = 1000 }
"""

DECLARED = """
[[measure]]
name = "door_openings"
aggregate = "sum"
column = "door_openings"
where = "door_openings > 0"
from = "{start}"

[[measure]]
name = "energy_wh"
aggregate = "sum"
column = "energy_wh"
where = "energy_wh >= 0"
from = "{start}"

[[meter]]
event_name = "openings"
display_name = "Times that a door was opened"
measure = "door_openings"
formula = "sum"
window = "hour"

[[meter]]
event_name = "energy"
display_name = "Watt hours"
measure = "energy_wh"
formula = "sum"
window = "none"
"""


def uplink(hour: Hour, minute: int, door: object = None, kwh: object = None, sensor: str = "a") -> str:
    said = {"shop": "troy", "id": sensor, "at": f"{hour.start + timedelta(minutes=minute):%FT%TZ}", "t": 4.5}
    return json.dumps({**said, **({} if door is None else {"door": {"count": door}}), "kwh": kwh})


def add_two_meters(line: Pipeline, run: Run, folder: Path, start: Hour) -> None:
    """What a person does: two lines more in the source, blocks in the file of meters, ``fridge stripe setup``."""
    sources, meters = folder / "sources.toml", folder / "meters.toml"
    sources.write_text(UPLINKS)
    meters.write_text(METERS + DECLARED.format(start=start.key))
    environment = {"FRIDGE_METERS": str(meters), "FRIDGE_SOURCES": str(sources), "STRIPE_API_KEY": "sk_test_numbers"}
    refused = run("stripe", "setup", **environment)
    assert refused.returncode != 0
    assert "FRIDGE_METERS: " in refused.stderr
    assert "measure door_openings: where: sensor_id or temperature_c or extract(hour" in refused.stderr
    sources.write_text(UPLINKS + KEPT)
    assert "created openings, energy" in run("stripe", "setup", **environment).stdout
    settings = read_settings(environment)
    line.zone, line.catalogue = LocalLanding(str(line.landing), settings.sources), settings.catalogue
    with line.database.connect() as connection:
        keep_measures(connection, settings.measures, line.clock())


def test_a_running_installation_with_history_bills_door_openings_and_energy_by_two_blocks_of_toml_more(
    books: FinanceBooks, run: Run, tmp_path: Path
) -> None:
    line, (first, second, third, fourth) = books.pipeline, books.hours
    line.zone = LocalLanding(str(line.landing), read_sources(UPLINKS))
    for hour in (first, second):
        line.land(hour, "up-1.ndjson", uplink(hour, 1, 4, 0.5).encode())
    line.clock.now = books.now - timedelta(hours=9)
    line.run(first, second)
    billed = line.stripe_totals("troy")

    add_two_meters(line, run, tmp_path, second)
    delivered = [
        uplink(third, 1, 3, 0.0125),
        uplink(third, 2, 2, 0.1),
        uplink(third, 2, 9, 0.9),  # a duplicate: the first value stays
        uplink(third, 3, None, 0.0005),  # half a watt hour
        uplink(third, 4, -1, None),  # neither
        uplink(third, 5, 0, 0),
        uplink(third, 6, 1, "broken"),  # no reading
        uplink(third, 7, 1.5, 1),  # nor this
        uplink(third, 8, 5, -0.25, sensor="b"),  # energy that was fed back is not billed, by the condition
    ]
    line.land(third, "up-1.ndjson", "\n".join(delivered).encode())
    line.land(second, "up-again.ndjson", uplink(second, 1, 4, 0.5).encode())  # stored without numbers: stays so
    line.land(fourth, "up-1.ndjson", uplink(fourth, 1, None, None).encode())
    line.run(first, fourth)
    wanted = {("openings", third.key): 10, ("energy", third.key): 113}  # 12.5 + 100 + 0.5 + 0
    assert new_totals(line) == wanted
    counts = "select row_count, inserted_count, duplicate_count, rejected_count from fridge.landing_files"
    assert line.rows(f"{counts} order by file_id") == [
        *[(1, 1, 0, 0)] * 2,
        (1, 0, 1, 0),
        (9, 6, 1, 2),
        (1, 1, 0, 0),
    ]
    kept = "select numbers from fridge.readings where landing_hour = %s order by recorded_at"
    assert [numbers for (numbers,) in line.rows(kept, third.start)] == [
        {"door_openings": 3, "energy_wh": 12.5},
        {"door_openings": 2, "energy_wh": 100},
        {"energy_wh": 0.5},
        None,
        {"door_openings": 0, "energy_wh": 0},
        {"door_openings": 5, "energy_wh": -250},
    ]

    line.clock.advance(minutes=1)
    line.land(third, "up-late.ndjson", uplink(third.plus(-30), 59, 7, 1.2345).encode())
    line.run(third)
    assert new_totals(line) == {("openings", third.key): 17, ("energy", third.key): 1348}  # 1347.5, rounded once
    path = f"{third.folder}/up-late.ndjson"
    withdraw_file(line.database, LocalLanding(str(line.landing)), path, "a test bench", "ada", line.clock)
    line.clock.advance(minutes=1)
    line.run(third)
    assert new_totals(line) == wanted

    books.look()
    declared = [("troy", third.key, "door_openings", 10), ("troy", third.key, "energy_wh", 113)]
    assert quantities(line, "usage") == quantities(line, "derived_usage") == declared
    assert {key: value for key, value in line.stripe_totals("troy").items() if key in billed} == billed
    assert books.untied() == []
    assert line.failing_tests() == set()
    all_who_prove_know_the_two_meters(line, HourRange(first, fourth), tmp_path)
    (again,) = recount(line.database, line.zone, [second], tmp_path / "again")
    assert [(told.recorded, told.found) for told in again.source_differences] == [
        (
            "1 rows = 1 readings of 4.5 °C together + 0 rejected",
            "1 rows = 1 readings of 4.5 °C together, door_openings 4, energy_wh 500 + 0 rejected",
        )
    ]


def all_who_prove_know_the_two_meters(line: Pipeline, hours: HourRange, folder: Path) -> None:
    """The backtest, the month's report, and the evidence pack."""
    assert backtest(line.database, hours, line.catalogue).differences == []
    month = Month.containing(hours.last.start)
    (hourly := folder / "hours").mkdir()
    marts, _ = read_books(line.database, month, line.catalogue, CLOSE_AFTER, line.clock(), hourly)
    report = write_report(marts, [], folder, line.clock(), line.workspace)
    totals = {meter["meter"]: (meter["derived"], meter["usage"], meter["stated"]) for meter in report.summary.meters}
    assert (totals["openings"], totals["energy"]) == ((10,) * 3, (113,) * 3)
    assert list(verify_evidence(made(line, month, folder / "pack.zip")))


def new_totals(line: Pipeline) -> dict[tuple[str, str], int]:
    """What Stripe counts for the two new meters."""
    return {key: value for key, value in line.stripe_totals("troy").items() if key[0] in {"openings", "energy"}}


def test_a_number_that_readings_are_stored_by_never_changes_its_type_and_its_place_is_nobody_elses(
    pipeline: Pipeline,
) -> None:
    doors, energy = ReadingNumber("doors", NumberType.INTEGER), ReadingNumber("energy", NumberType.DECIMAL)
    with pipeline.database.connect() as connection:
        assert [each.place for each in keep_numbers(connection, [doors], pipeline.clock()).values()] == [1]
        assert [each.place for each in keep_numbers(connection, [energy, doors], pipeline.clock()).values()] == [1, 2]
        with pytest.raises(NumberChangedError, match="type decimal, and in the books it is of type integer"):
            keep_numbers(connection, [replace(doors, type=NumberType.DECIMAL)], pipeline.clock())
        assert list(recorded_numbers(connection)) == ["doors", "energy"]
        with pytest.raises(psycopg.errors.Error, match=r"append only|permission denied"):
            connection.execute("update fridge.reading_numbers set place = 3 where number_name = 'doors'")


def test_two_numbers_of_one_place_would_be_one_and_the_database_refuses_that(pipeline: Pipeline) -> None:
    other = "insert into fridge.reading_numbers (number_name, place, parts, declared_at) values ('other', 1, 1, now())"
    with pipeline.database.connect() as connection:
        keep_numbers(connection, [ReadingNumber("doors", NumberType.INTEGER)], pipeline.clock())
        with pytest.raises(psycopg.errors.UniqueViolation, match="reading_numbers_place"):
            connection.execute(other)
