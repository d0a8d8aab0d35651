"""What a rejected time or temperature looks like: the cause is named, and only where it is recognized."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.ingest.check_source import check_source
from fridge_pipeline.ingest.rules.reading import RAW_SCHEMA, Reason, judge, rejected_rows
from fridge_pipeline.ingest.rules.rejections import likely_causes
from tests.ingest.landing.test_sources import source

HOUR = Hour(datetime(2026, 11, 27, 12, tzinfo=UTC))


def cause(
    time: str = "2026-11-27T12:05:00Z",
    temperature: str = "4.2",
    fault: str | None = None,
    raw: str = "",
    hour: Hour = HOUR,
) -> str:
    """What one rejected row looks like; empty where nothing is recognized."""
    row = {"recorded_at": time, "temperature_c": temperature, "fault": fault, "raw": raw}
    read = pl.DataFrame([{"line": 1, "tenant_id": "a", "sensor_id": "s", **row}], schema=RAW_SCHEMA)
    judged = judge(read, hour)
    (found,) = likely_causes(rejected_rows(judged), read, judged, hour)
    return found or ""


@pytest.mark.parametrize(
    ("time", "named"),
    [
        ("1795781100", "epoch seconds"),
        ("1795781100.5", "epoch seconds"),
        ("1.7957811E9", "epoch seconds"),
        ("1795781100123", "epoch milliseconds"),
        ("1.795781100123E+12", "epoch milliseconds"),
        ("1795781100123456", "epoch microseconds"),
        ("1795781100123456789", "epoch nanoseconds"),
        ("46353.5034722222", "spreadsheets"),
        ("20261127T120500Z", "without the - and :"),
        ("2026112712", "without the - and :"),
        ("27.11.2026 12:05", "day or the month first"),
        ("11/27/26 12:05", "day or the month first"),
        ("2026/11/27 12:05:00", "other separators"),
        ("2026-11-27", "without a time of day"),
        ("12:05:00", "without a date"),
        ("2026-11-27 12:05:00 pm", "twelve hours"),
        ("Fri, 27 Nov 2026 12:05:00 GMT", "month written as a word"),
        ("2026-11-27T12:05:00+01:00[Europe/Paris]", "time zone given by its name"),
        ("2026-11-27 12:05:00 CET", "time zone given by its name"),
        ("2026-11-27T24:00:00Z", "not ISO 8601"),
        ("2026-11-27 12:05:00.000 +0000", "blank before the offset"),
        ("2026-1-2 1:05", "not ISO 8601"),
        ("NaT", "word for no time"),
        ("2026-11-27T14:05:00", "local time without its offset"),
        ("2026-11-27T14:05:00Z", "a clock that is ahead"),
        ("2062-01-01T00:05:00Z", "far ahead"),
        ("1970-01-01T00:05:00Z", "never set"),
        ("2000-01-01 00:05:00", "never set"),
        ("2007-04-13T12:05:00Z", "week count"),
        ("2015-06-01T12:05:00Z", ""),
        ("soon", ""),
    ],
)
def test_a_time_that_is_rejected_is_named_as_what_it_looks_like(time: str, named: str) -> None:
    assert named in cause(time=time)
    assert bool(named) is bool(cause(time=time))


@pytest.mark.parametrize(
    ("temperature", "named"),
    [
        ("4,2", "decimal comma"),
        ("1.234,5", "decimal comma"),
        ("4.2 °C", "unit behind"),
        ("39.5F", "unit behind"),
        ("\u22124.2", "minus sign"),
        ("n/a", "no measurement"),
        ("0x1A", "hexadecimal"),
        ("NaN", "measures nothing"),
        ("-127", "number for no measurement"),
        ("999.9", "number for no measurement"),
        ("277.3", "kelvin"),
        ("-112", "Fahrenheit"),
        ("175", "Fahrenheit"),
        ("420", "hundredths"),
        ("4200", "hundredths"),
        ("1e9", ""),
        ("cold", ""),
    ],
)
def test_a_temperature_that_is_rejected_is_named_as_what_it_looks_like(temperature: str, named: str) -> None:
    assert named in cause(temperature=temperature)
    assert bool(named) is bool(cause(temperature=temperature))


def test_a_line_that_a_decimal_comma_splits_and_an_array_among_json_lines_are_named() -> None:
    split = cause(fault=Reason.WRONG_FIELD_COUNT, raw="cold-one,s1,2026-11-27T12:05:00Z,4,2")
    array = cause(fault=Reason.NOT_A_JSON_OBJECT, raw='[{"tenant_id": "a"}]')
    ended = cause(fault=Reason.WRONG_FIELD_COUNT, raw="cold-one;s1;2026-11-27T12:05:00Z;4,2;")
    assert ended == "a separator behind the last field, for which the header has no name"
    escaped = cause(fault=Reason.BROKEN_QUOTES, raw='s1,2026-11-27T12:05:00Z,"{\\"t\\": 4.5}"')
    assert escaped == "quotes with a backslash before them; csv writes a quote within quotes twice"
    assert (split, array) == ("a decimal comma", "an array where each line is to be one JSON object")
    assert cause(fault=Reason.WRONG_FIELD_COUNT, raw="cold-one,s1,2026-11-27T12:05:00Z,4.2,extra") == ""
    assert cause(fault=Reason.WRONG_FIELD_COUNT, raw="A1   2026-11-27 12:05:00   4.5").startswith(
        "columns that runs of"
    )
    assert cause(fault=Reason.NOT_A_JSON_OBJECT, raw='{"t": 4.5},').startswith("an element of an array")


@pytest.mark.parametrize(
    ("time_format", "time", "temperature", "named"),
    [
        ("epoch_ms", "2026-11-27T12:05:00+00:00", "4.5", "a time of ISO 8601"),
        ("iso", "2026-11-27 12:05:00 UTC", "4.2", "a time zone given by its name"),
        ("iso", "1795781100", "4.2", "epoch seconds (since 1970)"),
        ("epoch_s", "1795781100123", "4.2", "epoch milliseconds (since 1970)"),
        ("%d.%m.%Y %H:%M", "2026/11/27 12:05", "4.2", "a date with other separators than -"),
        ("iso", "2026-11-27T12:05:00Z", "4,2", "a decimal comma"),
        ("iso", "2026-11-27T14:05:00", "4.2", "local time without its offset"),
        ("iso", "2026-11-27T14:05:00Z", "4.2", "a clock that is ahead"),
        ("epoch_s", "1795788300", "4.2", "a clock that is ahead"),
        ("epoch_ms", "1795781100", "4.2", "epoch seconds (since 1970), read in a smaller unit"),
        ("epoch_us", "1795781100123", "4.2", "epoch milliseconds (since 1970), read in a smaller unit"),
        ("epoch_ms", "3600000", "4.2", "a clock that was never set"),
        ("%d.%m.%Y %H:%M", "27.11.26 12:05", "4.2", "a year of two digits, which is %y"),
        ("iso", "2026-11-27T12:05:00Z", "1'234.5", "a number with something between its thousands"),
        ("iso", "2026-11-27T12:05:00Z", "4.2 Celsius", "a unit behind the number"),
    ],
)
def test_what_a_source_cannot_read_is_named_as_what_its_file_says(
    time_format: str, time: str, temperature: str, named: str, tmp_path: Path
) -> None:
    """It was nothing where a source read the file, and every time that is ahead was called a local one."""
    file = tmp_path / "x.csv"
    file.write_text(f"s;at;t\na;{time};{temperature}\n")
    definition = source(
        'name = "x"\nmatch = "*"\ndelimiter = ";"\ntenant_id = { register = true }\nsensor_id = { column = "s" }\n'
        f'recorded_at = {{ column = "at", format = "{time_format}" }}\ntemperature = {{ column = "t" }}'
    )
    (rejection,) = check_source(file, file.name, definition, HOUR).rejections
    assert str(rejection.looks_like).startswith(named)


@pytest.mark.parametrize("folder", ["1000-01-01/00", "9999-12-31/23"])
def test_rows_are_looked_at_in_every_hour_that_a_folder_can_name(folder: str) -> None:
    assert cause(time="9999-12-31T23:59:59Z", temperature="999.9", hour=Hour.from_folder(folder)) == (
        "a sensor's number for no measurement"
    )
    assert "far ahead" in cause(time="9999-12-31T23:59:59Z", hour=Hour.from_folder("1000-01-01/00"))
    assert "never set" in cause(time="1970-01-01T00:00:00Z", hour=Hour.from_folder("9999-12-31/23"))
