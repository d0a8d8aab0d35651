"""What brokers, historians and old gateways write: each of these ended a load, was read wrongly, or was told badly."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from fridge_pipeline.ingest.check_source import check_source
from fridge_pipeline.ingest.landing.landing_errors import UnreadableFileError
from fridge_pipeline.ingest.rules.guess_source import guess_source
from fridge_pipeline.ingest.sample_file import sample_of
from fridge_pipeline.ingest.sources_file import SourcesError
from tests.ingest.landing.test_newcomers_gateways import AT, FIELDS, SECONDS, plain
from tests.ingest.landing.test_sources import HOUR, read, source

#: A line of ``mosquitto_sub -v``: a topic and what was said.
DUMPED = """
tenant_id = { value = "troy" }
sensor_id = { column = "topic" }
recorded_at = { column = "p.at" }
temperature = { column = "p.t" }
"""


@pytest.mark.parametrize("header", [[], ["topic", "p"]], ids=["its own", "given"])
def test_the_time_of_a_csv_row_may_lie_in_json_of_its_own(header: list[str]) -> None:
    """Which ended the load of its hour."""
    definition = source(plain("dump", DUMPED, delimiter="\t", embedded=["p"], header=header))
    names = "" if header else "topic\tp\n"
    found = read(definition, f'{names}f/1\t{{"at": "2026-01-24T18:30:00Z", "t": 4.5}}\nf/2\tonline\n', "dump.csv")
    assert (found.error, [(sensor, degrees) for _, _, sensor, _, degrees in found.valid]) == (None, [("f/1", 4.5)])
    assert len(found.rejected) == 1


def test_the_time_of_a_csv_row_may_be_its_paths_alone() -> None:
    fields = DUMPED.replace('column = "p.at"', 'path = "(?P<recorded_at>[0-9T-]+)Z", format = "%Y-%m-%dT%H-%M-%S"')
    definition = source(plain("rounds", fields.replace("p.t", "t")))
    found = read(definition, "topic,t\nf/1,4.5\n", "2026-01-24T18-30-00Z.csv")
    assert [f"{at:%H:%M}" for *_, at, _ in found.valid] == ["18:30"]


@pytest.mark.parametrize(
    ("pattern", "given", "utc"),
    [
        ("%m/%d/%y %I:%M%p", "1/24/26 6:30p", "18:30:00"),
        ("%m/%d/%y %I:%M%p", "1/24/26 12:30a", "00:30:00"),
        ("%m/%d/%y %I:%M %p", "1/24/26 6:30 P", "18:30:00"),
        ("%m/%d/%y %I:%M%p", "1/24/26 6:30px", None),
        ("%d.%m.%Y %H:%M:%S%.f", "24.01.2026 18:30:00,25", "18:30:00.250000"),
        ("%d.%m.%Y, %H:%M:%S%.f", "24.01.2026, 18:30:00,25", "18:30:00.250000"),
        ("%d.%m.%Y %H:%M:%S", "24.01.2026 18:30:00,25", None),
        ("%Y-%m-%d %H:%M UTC%z", "2026-01-24 19:30 UTC+1", "18:30:00"),
        ("%Y-%m-%d %H:%M %z", "2026-01-24 9:30 -9", "18:30:00"),
        ("%Y-%m-%d %H:%M", "2026-01-24 18:30 +1", None),
        ("%G-W%V-%uT%H:%M:%SZ", "2026-W04-6T18:30:00Z", "18:30:00"),
        ("%GW%V%u %H%M", "2026W046 1830", "18:30:00"),
        ("%G-W%V-%u %H:%M", "2026-W54-6 18:30", None),
    ],
)
def test_times_are_read_as_weather_stations_historians_and_controllers_write_them(
    pattern: str, given: str, utc: str | None
) -> None:
    fields = FIELDS.replace('"at"', f'"at", format = "{pattern}"')
    found = read(source(plain("clocks", fields, delimiter="\t")), f"s\tat\tt\ns1\t{given}\t4.5\n", "c.csv")
    assert [at.isoformat()[11:26].partition("+")[0] for *_, at, _ in found.valid] == ([utc] if utc else [])
    assert [reason for _, reason, _ in found.rejected] == ([] if utc else ["unreadable time"])


@pytest.mark.parametrize("pattern", ["%Y-W%V-%u %H:%M", "%G-%m-%d %H:%M", "%G-W%V %H:%M"])
def test_a_pattern_that_mixes_weeks_with_months_is_refused(pattern: str) -> None:
    with pytest.raises(SourcesError, match="year, month, day and hour, or year, week, day and hour of ISO 8601"):
        source(plain("weeks", FIELDS.replace('"at"', f'"at", format = "{pattern}"')))


@pytest.mark.parametrize(
    "time", ["Czas", "tijd", "Tid", "Aika", "Zaman", "Idő", "Время", "时间", "日時", "Giorno", "Data"]
)
def test_a_second_header_calls_its_time_one_in_many_languages(time: str) -> None:
    content = f"at,t,s\n{AT},4.5,s1\n{time},RH,probe\n{AT},45,s2\n"
    found = read(source(plain("two")), content, "two.csv")
    assert ([sensor for _, _, sensor, *_ in found.valid], found.rejected) == (["s1"], [])
    assert "line 3 is a header of other columns" in str(found.error)


@pytest.mark.parametrize("row", ["no data,missing,s2", "data missing,absent,s2", "en cas,absent,s2"])
def test_a_row_of_words_is_no_header_though_one_of_them_is_time_somewhere(row: str) -> None:
    found = read(source(plain("one")), f"at,t,s\n{AT},4.5,s1\n{row}\n{AT},5,s3\n", "one.csv")
    assert (found.error, [sensor for _, _, sensor, *_ in found.valid]) == (None, ["s1", "s3"])


def test_arrays_within_an_array_are_their_elements_unless_columns_are_places() -> None:
    """As Home Assistant answers: an array of each entity's states."""
    states = [
        [{"s": "f1", "at": AT, "t": "4.5"}, {"s": "f1", "at": AT, "t": "unknown"}],
        [],
        [{"s": "f2", "at": AT, "t": 5}],
    ]
    found = read(source(plain("states")), json.dumps(states, indent=1), "history.json")
    assert [(line, sensor, degrees) for line, _, sensor, _, degrees in found.valid] == [(3, "f1", 4.5), (16, "f2", 5)]
    assert [(line, reason) for line, reason, _ in found.rejected] == [(8, "unreadable temperature")]
    assert found.error is None
    places = FIELDS.replace('"s"', '"0"').replace('"at"', '"1"').replace('"t"', '"2"')
    listed = read(source(plain("lists", places)), json.dumps([["f1", AT, 4.5], ["f2", AT, 5]]), "lists.json")
    assert [(sensor, degrees) for _, _, sensor, _, degrees in listed.valid] == [("f1", 4.5), ("f2", 5)]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("path", ["old.csv", "old.ndjson", "old.json"])
def test_utf16_is_recognized_without_a_mark_too(encoding: str, path: str, tmp_path: Path) -> None:
    row = {"s": "Kühl-1", "at": AT, "t": 4.5}
    text = f"s,at,t\r\nKühl-1,{AT},4.5\r\n" if path.endswith("csv") else json.dumps(row, ensure_ascii=False) + "\r\n"
    found = read(source(plain("old")), text.encode(encoding), path)
    assert (found.error, [(sensor, degrees) for _, _, sensor, _, degrees in found.valid]) == (None, [("Kühl-1", 4.5)])
    file = tmp_path / path
    file.write_bytes(text.encode(encoding))
    guess = guess_source(sample_of(file, path), {})
    assert guess is not None
    assert 'recorded_at = { column = "at" }' in guess.toml


#: What is no text, or no table, and what ``guess`` calls it; it was csv, or held no time.
OTHERS = {
    "a zip archive or a spreadsheet": b"PK\x03\x04\x14\0\0\0\0\0s,at,t\ns1,2026-01-24T18:30:00Z,4.5\n",
    "an SQLite database": b"SQLite format 3\0" + bytes(90),
    "a PDF": b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n",
    "a web page or XML": b'<?xml version="1.0"?>\n<t at="2026-01-24T18:30:00Z">4.5</t>\n',
    "Arrow (feather)": b"ARROW1\0\0\xff\xff\xff\xff",
    "InfluxDB's line protocol": b"t,s=f1,site=a\\ b value=4.5,rh=40i 1769279400000000000\nt,s=f1 value=4 1769279460\n",
    "a form of names and values": b"PASSKEY=AB&dateutc=2026-01-24+18:30:00&temp1f=40.1\n",
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_no_source_reads_is_called_what_it_is(name: str, tmp_path: Path) -> None:
    file = tmp_path / "unknown.csv"
    file.write_bytes(OTHERS[name])
    with pytest.raises(UnreadableFileError, match=re.escape(f"this is {name}")):
        sample_of(file, file.name)
    assert f"this is {name}" in str(read(source(plain("other")), OTHERS[name], file.name).error)


def test_a_time_that_is_not_as_a_pattern_says_is_shown_beside_it(tmp_path: Path) -> None:
    """It was only said to look like what the pattern is for."""
    file = tmp_path / "two.csv"
    file.write_text("s,d,c,t\ns1,24.01.2026,18:30,4.5\ns1, 24.01.2026,18:40:00,4.5\ns2,24.01.2026,18h50,4.5\n")
    fields = FIELDS.replace('"at"', '["d", "c"], format = "%d.%m.%Y %H:%M"')
    found = check_source(file, file.name, source(plain("two", fields)), HOUR)
    told = "2 rows have a time that %d.%m.%Y %H:%M does not read, such as '24.01.2026 18:40:00'"
    assert [warning for warning in found.warnings if "rows have a time" in warning] == [told]


def test_a_number_below_zero_that_a_register_holds_without_its_sign_is_named(tmp_path: Path) -> None:
    """It was said to be hundredths of a degree, by which -18.2 is 65.354."""
    file = tmp_path / "modbus.csv"
    file.write_text(f"s,at,t\ns1,{AT},45\ns2,{AT},65354\ns3,{AT},65535\ns4,{AT},2900\n")
    found = check_source(file, file.name, source(plain("modbus", FIELDS.replace('"t"', '"t", scale = 0.1'))), HOUR)
    assert {each.line: each.looks_like for each in found.rejections} == {
        3: "a number below zero without its sign, of 16 bits, where 65354 is -182",
        4: "a sensor's number for no measurement",
        5: "kelvin",
    }


def test_a_payload_that_is_no_json_is_named_where_nothing_else_is_read(tmp_path: Path) -> None:
    file = tmp_path / "hub.ndjson"
    fields = FIELDS.replace('"t"', '"Body.t"')
    definition = source(plain("hub", fields, embedded=["Body"]))
    for body, is_told in (("AS0AyA==", True), ("online", True), ("eyJ0IjogNC41fQ==", False)):
        file.write_text(json.dumps({"s": "s1", "at": AT, "Body": body}) + "\n")
        warnings = check_source(file, file.name, definition, HOUR).warnings
        assert any(warning.startswith("nothing was found in Body: is it JSON") for warning in warnings) is is_told, (
            warnings
        )


#: Keys of a time, its file, and the times of its rows; null where one is none.
LATER: dict[str, tuple[str, str, str, list[str | None]]] = {
    "seconds beside the object's time": (
        (
            'records = "e"\nsensor_id = { column = "/bn" }\ntemperature = { column = "v" }\n'
            'recorded_at = { column = "/bt", format = "epoch_s", later = { column = "t" } }'
        ),
        "lwm2m.json",
        json.dumps(
            {
                "bn": "/3303/0",
                "bt": SECONDS,
                "e": [{"v": 4, "t": 0}, {"v": 5, "t": -90.5}, {"v": 6}, {"v": 7, "t": "x"}],
            }
        ),
        ["18:30:00", "18:28:29.5", None, None],
    ),
    "minutes since what the file's name says, local": (
        (
            'delimiter = ";"\ndecimal = ","\nsensor_id = { value = "s" }\ntemperature = { column = "T" }\n'
            'recorded_at = { path = "(?P<recorded_at>[0-9T]+)", format = "%Y%m%dT%H%M", timezone = "Europe/Paris", '
            'later = { column = "min", scale = 60 } }'
        ),
        "run-20260124T1930.csv",
        "min;T\n0;4\n2,5;5\n1e30;6\n",
        ["18:30:00", "18:32:30", None],
    ),
    "milliseconds within a text, and a step": (
        (
            'embedded = ["p"]\nrecords = "p.v"\nsensor_id = { value = "s" }\ntemperature = { column = "value" }\n'
            'recorded_at = { column = "/at", step = { value = 60 }, later = { column = "/p.late", scale = 0.001 } }'
        ),
        "late.ndjson",
        json.dumps({"at": AT, "p": json.dumps({"late": 1500, "v": [4, 5]})}),
        ["18:30:01.5", "18:31:01.5"],
    ),
}


@pytest.mark.parametrize("name", LATER)
def test_a_time_is_so_many_seconds_later_as_a_column_says(name: str) -> None:
    keys, path, content, times = LATER[name]
    found = read(source(f'name = "later"\nmatch = "*"\ntenant_id = {{ value = "troy" }}\n{keys}'), content, path)
    seen = [at.strftime("%H:%M:%S.%f").rstrip("0").rstrip(".") for *_, at, _ in found.valid]
    assert seen == [at for at in times if at]
    assert [reason for _, reason, _ in found.rejected] == ["unreadable time"] * times.count(None)


def test_a_source_without_a_later_time_is_the_definition_that_it_was() -> None:
    assert "later" not in source(plain("plain")).definition["recorded_at"]
    with pytest.raises(SourcesError, match=r"recorded_at\.later takes one of column and value"):
        source(plain("none", FIELDS.replace('"at"', '"at", later = { scale = 2 }')))
    with pytest.raises(
        SourcesError, match=r"has the unknown key recorded_at\.later\.colum; there are column, value, scale"
    ):
        source(plain("none", FIELDS.replace('"at"', '"at", later = { colum = "x" }')))


@pytest.mark.parametrize("encoding", ["gb18030", "utf-32"])
def test_a_header_in_another_encoding_is_said_to_be_so(encoding: str) -> None:
    content = f"传感器,at,t\ns1,{AT},4.5\n".encode(encoding)
    found = read(source(plain("old", FIELDS.replace('"s"', '"传感器"'))), content, "old.csv")
    assert "its header is no text in UTF-8: say what it is, as in encoding =" in str(found.error)
    said = read(source(plain("old", FIELDS.replace('"s"', '"传感器"'), encoding="gb18030")), content, "old.csv")
    assert len(said.valid) == (encoding == "gb18030")
