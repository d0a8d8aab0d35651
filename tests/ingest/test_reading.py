"""The verdict on a row: a valid reading, or the one reason why it is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.ingest.rules.reading import (
    RAW_SCHEMA,
    READING_SCHEMA,
    Reason,
    judge,
    latest_time,
    oldest_time,
    rejected_rows,
    valid_readings,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

HOUR = Hour.from_key("2026-01-24-18:00")
GOOD = {"tenant_id": "t1", "sensor_id": "s1", "recorded_at": "2026-01-24T18:30:00Z", "temperature_c": "4.5"}
AT = datetime(2026, 1, 24, 18, 30, tzinfo=UTC)


_CHARACTERS = "a1 \t\n\0\ufffdß冷-:T.,"


def rows(*changes: Mapping[str, str | None]) -> pl.DataFrame:
    """Raw rows that are good but for the changes."""
    full = [
        {"line": line, **GOOD, "fault": None, "raw": f"row {line}", **change} for line, change in enumerate(changes, 1)
    ]
    return pl.DataFrame(full, schema=RAW_SCHEMA)


def reason(**change: str | None) -> str | None:
    verdict: str | None = judge(rows(change), HOUR)["reason"][0]
    return verdict


def time_of(text: str) -> datetime | None:
    """What a time's text means, whatever the landing hour makes of it."""
    moment: datetime | None = judge(rows({"recorded_at": text}), HOUR)["recorded_at"][0]
    return moment


def test_a_good_row_is_a_reading_with_its_line() -> None:
    valid = valid_readings(judge(rows({}), HOUR))

    assert valid.rows() == [(1, "t1", "s1", AT, 4.5)]
    assert valid.drop("line").schema == READING_SCHEMA


def test_lazy_and_eager_rows_get_the_same_verdicts() -> None:
    raw = rows({}, {"tenant_id": None}, {"temperature_c": "warm"})

    assert_frame_equal(judge(raw.lazy(), HOUR).collect(), judge(raw, HOUR))


def test_no_rows_are_no_verdicts() -> None:
    judged = judge(rows(), HOUR)

    assert (judged.height, valid_readings(judged).height, rejected_rows(judged).height) == (0, 0, 0)


@pytest.mark.parametrize("field", list(GOOD))
@pytest.mark.parametrize("nothing", [None, "", " ", "\t \u00a0"])
def test_a_null_empty_or_blank_field_is_missing(field: str, nothing: str | None) -> None:
    assert reason(**{field: nothing}) == f"missing {field}"


@pytest.mark.parametrize(
    ("temperature", "expected"),
    [
        ("-100", None),
        ("150", None),
        ("-0", None),
        ("+4.5", None),
        (" 4.5 ", None),
        ("4e0", None),
        ("-100.00001", Reason.TEMPERATURE_OUT_OF_RANGE),
        ("150.00001", Reason.TEMPERATURE_OUT_OF_RANGE),
        ("1e308", Reason.TEMPERATURE_OUT_OF_RANGE),
        ("NaN", Reason.TEMPERATURE_NOT_FINITE),
        ("inf", Reason.TEMPERATURE_NOT_FINITE),
        ("-Infinity", Reason.TEMPERATURE_NOT_FINITE),
        ("1e400", Reason.TEMPERATURE_NOT_FINITE),
        ("4,5", Reason.UNREADABLE_TEMPERATURE),
        ("4.5 C", Reason.UNREADABLE_TEMPERATURE),
        ("true", Reason.UNREADABLE_TEMPERATURE),
        ("0x10", Reason.UNREADABLE_TEMPERATURE),
        ("4_5", Reason.UNREADABLE_TEMPERATURE),
        ("null", Reason.UNREADABLE_TEMPERATURE),
    ],
)
def test_a_temperature_is_a_finite_number_from_minus_100_to_150(temperature: str, expected: Reason | None) -> None:
    assert reason(temperature_c=temperature) == expected


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-24T18:30:00Z",
        "2026-01-24t18:30:00z",
        "2026-01-24 18:30:00",
        "2026-01-24T18:30",
        "2026-01-24T18:30Z",
        "2026-01-24 20:30+02:00",
        "2026-01-24T20:30:00+02:00",
        "2026-01-24T20:30:00+0200",
        "2026-01-24T20:30:00+02",
        "2026-01-24T13:00:00-05:30",
        "2026-01-25T00:00:00.000000000+05:30",
        " 2026-01-24T18:30:00.0Z ",
        "2026-01-24T18:30:00,000Z",
    ],
)
def test_iso_8601_names_one_instant_in_all_its_spellings(text: str) -> None:
    assert time_of(text) == AT


@pytest.mark.parametrize(
    ("fraction", "microseconds"),
    [("1", 100_000), ("123", 123_000), ("123456", 123_456), ("999999999", 999_999), ("0000001234567", 0)],
)
def test_fractions_are_cut_off_at_microseconds(fraction: str, microseconds: int) -> None:
    assert time_of(f"2026-01-24T18:30:00.{fraction}Z") == AT + timedelta(microseconds=microseconds)


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-24",
        "18:30:00",
        "1769277600",
        "2026-01-24T18",
        "2026-01-24T18:30:00+24:00",
        "2026-01-24T18:30:00+02:60",
        "2026-01-24T18:30:00 +02:00",
        "2026-01-24T18:30:00ZZ",
        "2026-01-24T18:30:00.Z",
        "2026-01-24T24:00:00Z",
        "2026-01-24T18:60:00Z",
        "2026-01-24T18:30:60Z",
        "2026-02-29T18:30:00Z",
        "2026-13-01T18:30:00Z",
        "2026-1-24T18:30:00Z",
        "24.01.2026 18:30:00",
        "01/24/2026 18:30:00",
        "20260124T183000Z",
        "2026-W04-6T18:30:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "\uff12026-01-24T18:30:00Z",
        "2026-01-24T18:30:00Z\nx",
        "yesterday",
    ],
)
def test_anything_else_is_an_unreadable_time(text: str) -> None:
    assert reason(recorded_at=text) == Reason.UNREADABLE_TIME


@given(
    st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)),  # noqa: DTZ001  # zone is drawn
    st.integers(-23 * 60, 23 * 60),
    st.sampled_from("T "),
)
def test_every_time_that_python_writes_is_read_back_exactly(
    naive: datetime, offset_minutes: int, separator: str
) -> None:
    offset = timedelta(minutes=offset_minutes)
    sign, size = ("-", -offset) if offset_minutes < 0 else ("+", offset)
    written = naive.isoformat(separator) + f"{sign}{size.seconds // 3600:02d}:{size.seconds // 60 % 60:02d}"

    assert time_of(written) == naive.replace(tzinfo=UTC) - offset


def test_the_latest_time_is_five_minutes_after_the_end_of_the_hour_included() -> None:
    assert reason(recorded_at="2026-01-24T19:05:00Z") is None
    assert reason(recorded_at="2026-01-24T19:05:00.000001Z") == Reason.TIME_TOO_LATE


def test_the_oldest_time_is_the_same_date_three_years_before_the_start_included() -> None:
    assert reason(recorded_at="2023-01-24T18:00:00Z") is None
    assert reason(recorded_at="2023-01-24T17:59:59.999999Z") == Reason.TIME_TOO_OLD


def test_three_years_before_a_leap_day_is_the_28th_of_february() -> None:
    assert oldest_time(Hour.from_key("2028-02-29-07:00")) == datetime(2025, 2, 28, 7, tzinfo=UTC)


def test_the_first_and_the_last_hour_of_the_calendar_have_limits_too() -> None:
    first, last = Hour(datetime(1, 1, 1, tzinfo=UTC)), Hour.from_folder("9999-12-31/23")

    assert oldest_time(first) == datetime(1, 1, 1, tzinfo=UTC)
    assert latest_time(last) == datetime.max.replace(tzinfo=UTC)
    assert judge(rows({}), last)["reason"][0] == Reason.TIME_TOO_OLD


@pytest.mark.parametrize("field", ["tenant_id", "sensor_id"])
@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ("x" * 500, None),
        ("x" * 501, Reason.ID_TOO_LONG),
        ("冷" * 433, None),  # 1,299 bytes
        ("冷" * 434, Reason.ID_TOO_LONG),  # 1,302 bytes
        ("a\0b", Reason.ID_BROKEN),
        ("a\ufffdb", Reason.ID_BROKEN),
    ],
)
def test_an_id_that_postgresql_cannot_index_or_store_is_rejected(
    field: str, identifier: str, expected: Reason | None
) -> None:
    assert reason(**{field: identifier}) == expected


@pytest.mark.parametrize("identifier", ["007", "NULL", "nan", "a,b", 'a"b', "a\nb", "Kühl/冷", "a\u200bb"])
def test_ids_stay_as_they_are(identifier: str) -> None:
    assert valid_readings(judge(rows({"sensor_id": identifier}), HOUR))["sensor_id"].to_list() == [identifier]


def test_the_first_applicable_reason_is_given_and_a_readers_fault_comes_before_all() -> None:
    wrong = {"tenant_id": "x" * 501, "recorded_at": "never", "temperature_c": "warm"}

    assert reason(**wrong, fault=Reason.WRONG_FIELD_COUNT) == Reason.WRONG_FIELD_COUNT
    assert reason(**{**wrong, "sensor_id": None}) == Reason.MISSING_SENSOR_ID
    assert reason(**wrong) == Reason.UNREADABLE_TEMPERATURE
    assert reason(**{**wrong, "temperature_c": "4.5"}) == Reason.UNREADABLE_TIME
    assert reason(tenant_id="x" * 501) == Reason.ID_TOO_LONG


def test_what_is_kept_of_a_rejected_row_is_short_and_free_of_nul() -> None:
    judged = judge(rows({"tenant_id": None, "raw": "a\0" + "x" * 2_000}, {}), HOUR)

    assert rejected_rows(judged).rows() == [(1, "missing tenant_id", "a\u2400" + "x" * 998, None)]


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                name: st.one_of(st.just(value), st.none(), st.text(_CHARACTERS, max_size=5))
                for name, value in GOOD.items()
            }
        ),
        max_size=20,
    )
)
def test_every_row_is_a_reading_or_rejected_and_never_both(changes: list[dict[str, str | None]]) -> None:
    judged = judge(rows(*changes), HOUR)
    lines = [*valid_readings(judged)["line"], *rejected_rows(judged)["line"]]

    assert sorted(lines) == list(range(1, len(changes) + 1))
    assert judged["line"].to_list() == list(range(1, len(changes) + 1))
