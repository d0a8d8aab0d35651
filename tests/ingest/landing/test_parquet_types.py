"""Every type that parquet can hold, in every place of a column: read as what it is, or refused in words."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.ingest.landing.delivery import deliver
from tests.ingest.landing.test_sources import read, source

AT = datetime(2026, 1, 24, 18, 30, tzinfo=UTC)

TYPES: dict[str, pa.Array] = {
    **{f"duration {unit}": pa.array([4], pa.duration(unit)) for unit in ("s", "ms", "us", "ns")},
    **{f"time {kind}": pa.array([4], kind) for kind in (pa.time32("s"), pa.time32("ms"), pa.time64("us"))},
    **{f"date {kind}": pa.array([AT.date()], kind) for kind in (pa.date32(), pa.date64())},
    **{f"timestamp {unit}": pa.array([AT], pa.timestamp(unit, "Asia/Kolkata")) for unit in ("s", "ms", "us", "ns")},
    **{f"decimal {kind}": pa.array([Decimal(4)], kind) for kind in (pa.decimal32(5, 2), pa.decimal256(76, 2))},
    "8-bit flag": pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1], pa.int8())),
    "of a writer's own": pa.ExtensionArray.from_storage(pa.opaque(pa.int64(), "a", "b"), pa.array([4])),
    "json": pa.ExtensionArray.from_storage(pa.json_(), pa.array(["4"])),
    "uuid": pa.ExtensionArray.from_storage(pa.uuid(), pa.array([bytes(16)], pa.binary(16))),
    "dictionary of durations": pa.array([timedelta(seconds=4)]).dictionary_encode(),
    "dictionary of times": pa.array([time(18, 30)]).dictionary_encode(),
    "half": pa.array([4.5]).cast(pa.float16()),
    "largest": pa.array([2**64 - 1], pa.uint64()),
    "flag": pa.array([True]),
    "list": pa.array([[4]]),
    "nothing": pa.nulls(1),
}

#: Where the column x stands in a source.
PLACES = {
    "tenant": ("x", "s", "at", "t", ""),
    "sensor": ("s", "x", "at", "t", ""),
    "time": ("s", "s", "x", "t", ""),
    "temperature": ("s", "s", "at", "x", ""),
    "where": ("s", "s", "at", "t", 'where = { x = "4" }'),
    "number": ("s", "s", "at", "t", 'numbers.e = { column = "x", type = "decimal" }'),
}


def in_parquet(**columns: pa.Array) -> bytes:
    buffer = BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def of_columns(tenant: str, sensor: str, at: str, temperature: str, more: str) -> Any:
    return source(
        f'name = "typed"\nmatch = "*"\ntenant_id = {{ column = "{tenant}" }}\nsensor_id = {{ column = "{sensor}" }}\n'
        f'recorded_at = {{ column = "{at}" }}\ntemperature = {{ column = "{temperature}" }}\n{more}'
    )


@pytest.mark.parametrize("dtype", TYPES)
def test_a_column_of_any_type_in_any_place_costs_its_own_rows_at_most(dtype: str) -> None:
    table = {"s": pa.array(["a"]), "at": pa.array([AT]), "t": pa.array([4.5]), "x": TYPES[dtype]}
    for place in PLACES.values():
        found = read(of_columns(*place), in_parquet(**table), "x.parquet")
        assert bool(found.error) is not bool(len(found.valid) + len(found.rejected) == 1)
    wide = source(
        'name = "typed"\nmatch = "*"\ntenant_id = { value = "troy" }\nrecorded_at = { column = "at" }\n'
        'wide = { columns = "^[tx]$" }'
    )
    found = read(wide, in_parquet(**table), "x.parquet")
    assert found.error or [sensor for _, _, sensor, *_ in found.valid][:1] == ["t"]
    for field in ("tenant_id", "sensor_id", "recorded_at", "temperature_c"):
        usual = {
            "tenant_id": table["s"],
            "sensor_id": table["s"],
            "recorded_at": table["at"],
            "temperature_c": table["t"],
        }
        outcome = deliver(in_parquet(**{**usual, field: TYPES[dtype]}), "x.parquet")
        assert bool(outcome.error) is not bool(outcome.row_count == 1)


def test_a_duration_is_refused_by_its_name() -> None:
    table = in_parquet(s=pa.array(["a"]), at=pa.array([AT]), x=TYPES["duration us"])
    found = read(of_columns("s", "s", "at", "x", ""), table, "x.parquet")
    assert found.error == "column x is of type duration[us], expected text, number or timestamp"


def test_a_type_of_a_writers_own_is_what_it_is_stored_as() -> None:
    for dtype, degrees in (("of a writer's own", 4), ("json", 4), ("8-bit flag", 1)):
        table = in_parquet(s=pa.array(["a"]), at=pa.array([AT]), x=TYPES[dtype])
        found = read(of_columns("s", "s", "at", "x", ""), table, "x.parquet")
        assert [degrees for *_, degrees in found.valid] == [degrees]


@pytest.mark.parametrize("unit", ["us", "ns"])
def test_readings_within_one_second_stay_two_where_date_and_time_are_columns(unit: str) -> None:
    """The fraction of the time was dropped, so the second one was a duplicate of the first."""
    clock = [time(18, 30), time(18, 30, 0, 250_000)]
    table = in_parquet(
        s=pa.array(["a", "a"]),
        t=pa.array([4.5, 4.6]),
        day=pa.array([date(2026, 1, 24)] * 2),
        clock=pa.array([each.second + each.microsecond * 1000 + 66_600 * 10**9 for each in clock], pa.int64())
        .cast(pa.time64("ns"))
        .cast(pa.time64(unit)),
    )
    definition = source(
        'name = "typed"\nmatch = "*"\ntenant_id = { value = "troy" }\nsensor_id = { column = "s" }\n'
        'recorded_at = { column = ["day", "clock"] }\ntemperature = { column = "t" }'
    )
    assert [at for _, _, _, at, _ in read(definition, table, "x.parquet").valid] == [
        AT,
        AT + timedelta(milliseconds=250),
    ]


def test_a_timestamp_is_the_time_that_it_is_whatever_format_the_source_says() -> None:
    table = in_parquet(s=pa.array(["a"]), at=pa.array([AT]), t=pa.array([4.5]))
    for said in ("iso", "epoch_ms", "excel", "%d.%m.%Y %H:%M"):
        definition = source(
            'name = "typed"\nmatch = "*"\ntenant_id = { value = "troy" }\nsensor_id = { column = "s" }\n'
            f'recorded_at = {{ column = "at", format = "{said}" }}\ntemperature = {{ column = "t" }}'
        )
        assert [at for _, _, _, at, _ in read(definition, table, "x.parquet").valid] == [AT]
