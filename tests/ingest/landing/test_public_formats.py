"""Shapes that public formats have, which a source read as something else, or not at all."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest

from tests.ingest.landing.test_newcomers_gateways import AT, FIELDS, as_parquet, plain
from tests.ingest.landing.test_sources import read, source


@pytest.mark.parametrize("kind", [pa.decimal64(9, 2), pa.decimal128(38, 2), pa.decimal256(50, 2)], ids=str)
def test_a_decimal_is_the_number_that_its_text_is_in_any_other_file(kind: pa.DataType) -> None:
    """8.2 that is read as 8.200000000000001 is above 8.2, and a measure of that counts it."""
    numbers = [Decimal(hundredths).scaleb(-2) for hundredths in range(-10_000, 15_001, 7)]
    content = as_parquet(
        s=pa.array([str(number) for number in numbers]),
        at=pa.array([AT] * len(numbers)),
        t=pa.array(numbers, kind),
    )
    found = read(source(plain("decimals")), content, "d.parquet")
    assert [degrees for *_, degrees in found.valid] == [float(str(number)) for number in numbers]


@pytest.mark.parametrize(
    ("pattern", "given", "utc"),
    [
        ("%d.%m.%Y %H:%M", "23.01.2026 24:00", "2026-01-24 00:00"),
        ("%d.%m.%Y %T", "31.12.2025 24:00:00", "2026-01-01 00:00"),
        ("%Y %j %H%M", "2026 23 2400", "2026-01-24 00:00"),
        ("%Y-%m-%dT%H:%M:%S%.f%z", "2026-01-23T24:00:00.000+01:00", "2026-01-23 23:00"),
        ("%H:%M %d.%m.%Y", "24:00 23.01.2026", "2026-01-24 00:00"),
        ("%d.%m.%Y %H:%M", "23.01.2026 24:01", None),
        ("%d.%m.%Y %H:%M:%S", "23.01.2026 24:00:01", None),
        ("%d.%m.%Y %H:%M", "24:00", None),
        ("%d/%m/%Y %I:%M %p", "24/01/2026 6:05 p.m.", "2026-01-24 18:05"),
        ("%d/%m/%Y %I:%M %p", "24/01/2026 6:05 a.\N{NO-BREAK SPACE}m.", "2026-01-24 06:05"),
        ("%d/%m/%Y %I:%M %p", "24/01/2026 24:00 p.m.", None),
        ("%d %b %Y %H:%M", "24 Sept 2025 18:05", "2025-09-24 18:05"),
    ],
)
def test_a_day_that_ends_and_words_of_other_languages_are_times_of_a_pattern(
    pattern: str, given: str, utc: str | None
) -> None:
    fields = FIELDS.replace('"at"', f'"at", format = "{pattern}"')
    found = read(source(plain("clocks", fields, delimiter=";")), f"s;at;t\ns1;{given};4.5\n", "c.csv")
    assert [f"{at:%Y-%m-%d %H:%M}" for *_, at, _ in found.valid] == ([utc] if utc else [])
    assert [reason for _, reason, _ in found.rejected] == ([] if utc else ["unreadable time"])


WIDE = 'tenant_id = { value = "troy" }\nrecorded_at = { column = "Time" }\nwide = { columns = "^T[0-9]$" }\n'


@pytest.mark.parametrize(
    ("header", "fields"), [("Time,T1,T2", WIDE), ("at,t,s", FIELDS)], ids=["wide", "a sensor's column"]
)
@pytest.mark.parametrize("other", ["Timestamp,Humidity,T1", "Date/Time,RH,Probe", " Datum , Feuchte , Sonde "])
def test_a_line_that_calls_its_time_one_is_a_header_whatever_the_name(header: str, fields: str, other: str) -> None:
    """Behind it humidities were temperatures."""
    found = read(source(plain("two", fields)), f"{header}\n{AT},4.5,5\n{other}\n{AT},45,4.5\n", "two.csv")
    assert {degrees for *_, degrees in found.valid} <= {4.5, 5.0}
    assert found.rejected == []
    assert "line 3 is a header of other columns" in str(found.error)


@pytest.mark.parametrize(
    "row",
    [
        "Invalid Date,NaN,s1",
        "not-a-date-time,n/a,s1",
        "No time,error,s1",
        "Unknown time,4.5 °C,s1",
        "Average time,4.5,s1",
        "Time out,,s1",
        "NULL,NULL,s1",
        "24 hour time,x,s1",
        "Date,-,s1",
    ],
)
def test_a_row_without_a_time_is_no_header(row: str) -> None:
    found = read(source(plain("one")), f"at,t,s\n{AT},4.5,s1\n{row}\n{AT},5,s2\n", "one.csv")
    assert (found.error, [sensor for _, _, sensor, *_ in found.valid]) == (None, ["s1", "s2"])
    assert [line for line, *_ in found.rejected] == [3]


def test_the_files_own_header_under_one_that_is_given_is_a_rejected_row() -> None:
    given = plain("given", skip_lines=0, header=["at", "t", "s"])
    found = read(source(given), f"Time,Temperature,Probe\n{AT},4.5,s1\n", "g.csv")
    assert (found.error, [sensor for _, _, sensor, *_ in found.valid]) == (None, ["s1"])
