"""What becomes of every row of a parquet file, whatever types its writer chose."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.ingest.landing.delivery import TIME, deliver

AT = datetime(2026, 1, 24, 18, 30, tzinfo=UTC)


def parquet(*, row_group_size: int | None = None, compression: str = "snappy", **columns: Any) -> bytes:
    """A parquet file of the four columns, each given or a good default."""
    given = {"tenant_id": ["t1"], "sensor_id": ["s1"], "recorded_at": [AT], "temperature_c": [4.5], **columns}
    longest = max(len(values) for values in given.values())
    full = {
        name: pa.array(list(values) * longest) if isinstance(values, list) and len(values) < longest else values
        for name, values in given.items()
    }
    target = BytesIO()
    pq.write_table(pa.table(full), target, row_group_size=row_group_size, compression=compression)
    return target.getvalue()


def test_lines_are_row_numbers_from_one_across_row_groups_and_batches() -> None:
    content = parquet(sensor_id=[f"s{number}" for number in range(1, 26)], row_group_size=10)
    outcome = deliver(content, "x.parquet", batch_rows=7)

    assert outcome.sensors == [(number, f"s{number}") for number in range(1, 26)]
    assert max(outcome.batch_heights) == 7


@pytest.mark.parametrize(
    "ids",
    [
        pa.array([7, 12], pa.int8()),
        pa.array([7, 12], pa.uint64()),
        pa.array(["7", "12"], pa.large_string()),
        pa.array(["7", "12"], pa.string_view()),
        pa.array(["7", "12"]).dictionary_encode(),
        pa.array([7, 12]).dictionary_encode(),
    ],
    ids=lambda array: str(array.type)[:20],
)
def test_ids_may_be_text_integers_or_dictionaries_of_them(ids: Any) -> None:
    outcome = deliver(parquet(sensor_id=ids), "x.parquet")

    assert outcome.sensors == [(1, "7"), (2, "12")]


@pytest.mark.parametrize(
    "times",
    [
        pa.array([AT], pa.timestamp("ns", "UTC")),
        pa.array([AT], pa.timestamp("us", "Europe/Berlin")),
        pa.array([AT], pa.timestamp("ms", "+05:30")),
        pa.array([AT], pa.timestamp("s", "America/New_York")),
        pa.array([AT.replace(tzinfo=None)], pa.timestamp("us")),
        pa.array([AT.replace(tzinfo=None)], pa.timestamp("ns")),
        pa.array([TIME]),
        pa.array([AT.astimezone(timezone(timedelta(hours=-3))).isoformat()]).dictionary_encode(),
    ],
    ids=lambda array: str(array.type)[:40],
)
def test_times_of_any_unit_and_zone_are_one_instant_and_naive_means_utc(times: Any) -> None:
    outcome = deliver(parquet(recorded_at=times), "x.parquet")

    assert [reading[3] for reading in outcome.valid] == [AT]


def test_nanoseconds_are_cut_off_at_microseconds() -> None:
    nanoseconds = int(AT.timestamp()) * 10**9 + 123_456_999
    outcome = deliver(parquet(recorded_at=pa.array([nanoseconds], pa.timestamp("ns", "UTC"))), "x.parquet")

    assert outcome.valid[0][3] == AT + timedelta(microseconds=123_456)


def test_a_timestamp_beyond_all_calendars_is_a_rejected_row() -> None:
    far = pa.array([2**63 - 1, -(2**63), 10**15], pa.timestamp("ms", "UTC"))
    outcome = deliver(parquet(recorded_at=far), "x.parquet")

    assert outcome.reasons == [(line, "unreadable time") for line in (1, 2, 3)]
    assert f"recorded_at={2**63 - 1}, " in outcome.rejected[0][2]


@pytest.mark.parametrize(
    "temperatures",
    [
        pa.array([4.5], pa.float32()),
        pa.array([4.5], pa.float16()),
        pa.array([Decimal("4.5")], pa.decimal128(10, 3)),
        pa.array([Decimal("4.5")], pa.decimal256(50, 3)),
        pa.array(["4.5"]),
        pa.array([4.5]).dictionary_encode(),
    ],
    ids=lambda array: str(array.type)[:20],
)
def test_temperatures_may_be_any_number_or_numeric_text(temperatures: Any) -> None:
    assert deliver(parquet(temperature_c=temperatures), "x.parquet").valid[0][4] == 4.5


def test_integer_temperatures_are_temperatures() -> None:
    assert deliver(parquet(temperature_c=pa.array([4], pa.int8())), "x.parquet").valid[0][4] == 4.0


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("tenant_id", pa.array([["t1"]]), "column tenant_id is of type list, expected"),
        ("sensor_id", pa.array([AT]), "column sensor_id is of type timestamp[us], expected text or number"),
        ("sensor_id", pa.array([True]), "column sensor_id is of type bool, expected text or number"),
        ("recorded_at", pa.array([date(2026, 1, 24)]), "column recorded_at is of type date32[day], expected"),
        ("recorded_at", pa.array([1_769_277_600]), "column recorded_at is of type int64, expected timestamp"),
        ("temperature_c", pa.array([{"celsius": 4.5}]), "column temperature_c is of type struct, expected"),
        ("temperature_c", pa.array([True]), "column temperature_c is of type bool, expected number or text"),
    ],
)
def test_a_type_that_can_never_hold_its_field_makes_the_file_unreadable(column: str, values: Any, message: str) -> None:
    outcome = deliver(parquet(**{column: values}), "x.parquet")

    assert outcome.row_count == 0
    assert outcome.error is not None
    assert outcome.error.startswith(message)


def test_nulls_and_empty_texts_are_missing_fields() -> None:
    content = parquet(
        tenant_id=["t", None, "t", "t", "t", " "],
        sensor_id=["s", "s", "", "s", "s", "s"],
        recorded_at=[AT, AT, AT, None, AT, AT],
        temperature_c=[4.5, 4.5, 4.5, 4.5, None, 4.5],
    )

    assert deliver(content, "x.parquet").reasons == [
        (2, "missing tenant_id"),
        (3, "missing sensor_id"),
        (4, "missing recorded_at"),
        (5, "missing temperature_c"),
        (6, "missing tenant_id"),
    ]


@pytest.mark.parametrize("column", ["tenant_id", "sensor_id", "recorded_at", "temperature_c"])
def test_a_column_of_nothing_but_nulls_is_a_column_of_missing_fields(column: str) -> None:
    outcome = deliver(parquet(**{column: pa.nulls(2)}), "x.parquet")

    assert outcome.reasons == [(1, f"missing {column}"), (2, f"missing {column}")]


def test_not_a_number_and_infinity_are_rejected() -> None:
    outcome = deliver(parquet(temperature_c=[float("nan"), float("inf"), 150.0, 150.1, -100.0]), "x.parquet")

    assert outcome.reasons == [
        (1, "temperature not finite"),
        (2, "temperature not finite"),
        (4, "temperature out of range"),
    ]


def test_what_a_rejected_row_said_is_kept_as_text() -> None:
    outcome = deliver(parquet(sensor_id=pa.array(["s"]).dictionary_encode(), temperature_c=[999.5]), "x.parquet")

    assert outcome.rejected[0][2] == (
        "tenant_id=t1, sensor_id=s, recorded_at=2026-01-24 18:30:00.000000+00:00, temperature_c=999.5"
    )
    assert "tenant_id=null, " in deliver(parquet(tenant_id=pa.nulls(1)), "x.parquet").rejected[0][2]


def test_text_that_is_not_utf8_rejects_its_row_only() -> None:
    wrong = pa.Array.from_buffers(
        pa.string(), 3, [None, pa.array([0, 1, 2, 3], pa.int32()).buffers()[1], pa.py_buffer(b"a\xffc")]
    )
    outcome = deliver(parquet(sensor_id=wrong), "x.parquet")

    assert outcome.sensors == [(1, "a"), (3, "c")]
    assert outcome.reasons == [(2, "id with NUL or broken encoding")]


def test_nul_in_an_id_rejects_its_row() -> None:
    assert deliver(parquet(tenant_id=["t\0"]), "x.parquet").reasons == [(1, "id with NUL or broken encoding")]


def test_only_the_four_of_many_columns_are_read_and_look_alikes_do_not_confuse() -> None:
    many = {f"c{number}": pa.array([[number]]) for number in range(2_000)}
    look_alikes = {"tenant_id.x": pa.array(["wrong"]), "Tenant_id": pa.array(["wrong"])}
    outcome = deliver(parquet(**look_alikes, **many), "x.parquet")

    assert outcome.valid[0][1:3] == ("t1", "s1")


def test_missing_columns_are_named_with_what_was_found() -> None:
    target = BytesIO()
    pq.write_table(pa.table({"tenant": ["t"], "sensor_id": ["s"]}), target)

    assert deliver(target.getvalue(), "x.parquet").error == (
        "missing columns: tenant_id, recorded_at, temperature_c; found: sensor_id, 1 other name of 6 characters"
    )


def test_a_file_of_no_rows_is_fine() -> None:
    target = BytesIO()
    empty = pa.table({"tenant_id": ["t"], "sensor_id": ["s"], "recorded_at": [AT], "temperature_c": [4.5]})
    pq.write_table(empty.slice(0, 0), target)
    outcome = deliver(target.getvalue(), "x.parquet")

    assert (outcome.row_count, outcome.error) == (0, None)


@pytest.mark.parametrize("content", [b"\x01x", b"PAR1", b"PAR1" + b"\0" * 100 + b"PAR1"])
def test_bytes_that_are_no_parquet_are_unreadable(content: bytes) -> None:
    error = deliver(content, "x.parquet").error

    assert error is not None
    assert error.startswith("not a readable parquet file: ")


def test_a_half_written_file_is_unreadable_because_its_footer_is_missing() -> None:
    outcome = deliver(parquet()[:-20], "x.parquet")

    assert outcome.row_count == 0
    assert outcome.error is not None


def test_damage_in_a_later_row_group_leaves_the_rows_before_it() -> None:
    content = bytearray(parquet(sensor_id=[f"sensor-{number}" for number in range(2_000)], row_group_size=1_000))
    group = pq.read_metadata(BytesIO(content)).row_group(1)
    for column in range(group.num_columns):
        start = group.column(column).dictionary_page_offset or group.column(column).data_page_offset
        content[start : start + 40] = b"\xff" * 40
    outcome = deliver(bytes(content), "x.parquet", batch_rows=1_000)

    assert outcome.row_count == 1_000
    assert outcome.error is not None
    assert outcome.error.startswith("damaged parquet after row 1000: ")


def test_an_empty_file_is_unreadable() -> None:
    assert deliver(b"", "x.parquet").error == "empty file"
