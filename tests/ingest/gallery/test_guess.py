"""``fridge sources guess``: what it proposes for the gallery's files, and for files that nobody described."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.cli.sources import sources
from fridge_pipeline.ingest.check_source import check_source
from fridge_pipeline.ingest.gallery import gallery, gallery_sources
from fridge_pipeline.ingest.rules.guess_source import Guess, guess_source
from fridge_pipeline.ingest.sample_file import sample_of
from fridge_pipeline.ingest.sources_file import read_sources
from tests.ingest.gallery.delivered import PATHS, content_of
from tests.ingest.gallery.test_gallery import EXPECTED, HOUR

ENTRIES = {name: (source, gallery()[name]) for name, source in gallery_sources().items()}

LATER = Hour.from_key("2026-01-24-20:00")

#: Of these the columns have no names, so that others might fit as well.
UNNAMED = {"elitech-datareader", "sensorpush-app"}


def guessed(file: Path, path: str, *, by_gallery: bool = True) -> Guess:
    guess = guess_source(sample_of(file, path), ENTRIES if by_gallery else {})
    assert guess is not None
    return guess


@pytest.mark.parametrize("name", EXPECTED)
def test_the_file_of_a_gallery_entry_is_guessed_to_be_that_entry(name: str, tmp_path: Path) -> None:
    file = tmp_path / "unknown"
    file.write_bytes(content_of(name))
    guess = guessed(file, PATHS[name])
    assert guess.toml == gallery()[name]
    assert guess.confidence == ("medium" if name in UNNAMED else "high")
    (elsewhere,) = read_sources(guessed(file, "unknown-17.dat").toml)
    assert elsewhere.sha256 == ENTRIES[name][0].sha256 or elsewhere.sensor_id or elsewhere.tenant_id.path
    assert check_source(file, "unknown-17.dat", elsewhere, HOUR).readings == len(EXPECTED[name][0])
    assert elsewhere.reads("unknown-18.dat")


@pytest.mark.parametrize("name", EXPECTED)
def test_without_the_gallery_names_units_and_values_lead_to_the_same_temperatures(name: str, tmp_path: Path) -> None:
    file = tmp_path / "unknown"
    file.write_bytes(content_of(name))
    guess = guessed(file, PATHS[name], by_gallery=False)
    (source,) = read_sources(guess.toml)
    found = check_source(file, PATHS[name], source, LATER)  # local times are read as UTC, an hour ahead
    assert [degrees for *_, degrees in found.first] == [degrees for *_, degrees in EXPECTED[name][0]]
    assert guess.confidence in ("medium", "low")


def test_without_the_gallery_guesses_are_equivalent_to_all_its_entries_but_four_local_ones(tmp_path: Path) -> None:
    equivalent = set()
    for name, (entry, _) in ENTRIES.items():
        file = tmp_path / name
        file.write_bytes(content_of(name))
        (source,) = read_sources(guessed(file, PATHS[name], by_gallery=False).toml)
        mine, theirs = (check_source(file, PATHS[name], each, LATER).first for each in (source, entry))
        sensors = {(one[2], other[2]) for one, other in zip(mine, theirs, strict=False)}
        is_one_to_one = len({one for one, _ in sensors}) == len({other for _, other in sensors}) == len(sensors)
        if is_one_to_one and [(each[0], *each[3:]) for each in mine] == [(each[0], *each[3:]) for each in theirs]:
            equivalent.add(name)
    # Of four nobody but a person knows in which zone their times were written.
    assert ENTRIES.keys() - equivalent == {"elitech-datareader", "govee-home", "ruuvi-station", "sensorpush-app"}


#: A file, and the end of what is proposed for it.
GUESSED = {
    "tenths of a degree, milliseconds and a sentinel": (
        """
device_id,ts,t
s1,1769279400000,-185
s1,1769279460000,-9990
""",
        """
sensor_id = { column = "device_id" }
recorded_at = { column = "ts", format = "epoch_ms" }
temperature = { column = "t", scale = 0.1, missing = [-9990] }
""",
    ),
    "a line for Excel, a date and a time, and units behind numbers": (
        """
sep=;
Probe;Date/Time;Temp
A;24.01.2026 19:10;"4,5 °C"
A;24.01.2026 19:20;---
B;24.01.2026 19:20;"-0,5 °C"
""",
        """
delimiter = ";"
skip_lines = 1
decimal = ","
tenant_id = { register = true }
sensor_id = { column = "Probe" }
recorded_at = { column = "Date/Time", format = "%d.%m.%Y %H:%M" }
temperature = { column = "Temp" }
""",
    ),
    "times with the name of UTC behind them, one with a fraction": (
        """
device,ts,temp
f7,2026-01-24 18:10:00 UTC,4.5
f7,2026-01-24 18:20:00.125 UTC,4.6
""",
        """
sensor_id = { column = "device" }
recorded_at = { column = "ts", format = "%Y-%m-%d %H:%M:%S%.f UTC" }
temperature = { column = "temp" }
""",
    ),
    "semicolons, a decimal comma, a preamble and day before month": (
        """
Logger;A-1

Serial;Zeit;Temperatur °C;Feuchte
A-1;24.01.2026 19:30;4,5;40
A-1;24.01.2026 19:40;4,6;40
""",
        """
delimiter = ";"
skip_lines = 2
decimal = ","
tenant_id = { register = true }
sensor_id = { column = "Serial" }
recorded_at = { column = "Zeit", format = "%d.%m.%Y %H:%M" }
temperature = { column = "Temperatur °C" }
""",
    ),
    "one column per sensor in Fahrenheit that only the values tell": (
        """
time,T1,T2,humidity
2026-01-24T18:30:00Z,38.5,41,40
2026-01-24T18:40:00Z,38.6,40,41
""",
        """
recorded_at = { column = "time" }
temperature = { unit = "fahrenheit" }
wide = { columns = "^(T1|T2)$" }
""",
    ),
    "an array within objects, a customer, and kelvin": (
        """
{"data":{"items":[{"customer":"troy","sensor":{"id":"s1"},"time":"2026-01-24T18:30:00Z","temp":277.65}]}}
""",
        """
records = "data.items"
tenant_id = { column = "customer" }
sensor_id = { column = "sensor.id" }
recorded_at = { column = "time" }
temperature = { column = "temp", unit = "kelvin" }
""",
    ),
    "no header line": (
        """
s1|2026-01-24T18:30:00Z|4.5
s2|2026-01-24T18:31:00Z|5
""",
        """
delimiter = "|"
header = ["column 1", "column 2", "column 3"]
tenant_id = { register = true }
sensor_id = { path = "(?P<sensor_id>[^/.]+)[^/]*$" }
recorded_at = { column = "column 2" }
temperature = { column = "column 3" }
""",
    ),
    "an offset in the name of the time column": (
        """
"Plot Title: x"
"#","Date Time, GMT-04:00","Temp, °F (LGR S/N: 1)"
1,01/24/26 02:30:00 PM,40.1
""",
        """
recorded_at = { column = "Date Time, GMT-04:00", format = "%m/%d/%y %I:%M:%S %p", timezone = "Etc/GMT+4" }
temperature = { column = "Temp, °F (LGR S/N: 1)", unit = "fahrenheit" }
""",
    ),
    "an offset of half an hour in the name of the time column": (
        """
"Plot Title: x"
"#","Date Time, GMT+05:30","Temp, °F (LGR S/N: 1)"
1,01/24/26 02:30:00 PM,40.1
""",
        """
recorded_at = { column = "Date Time, GMT+05:30", format = "%m/%d/%y %I:%M:%S %p" }
temperature = { column = "Temp, °F (LGR S/N: 1)", unit = "fahrenheit" }
""",
    ),
    "a date beside a time of day": (
        """
Logger,Date,Time,Temp (F)
a,01/24/2026,06:30 PM,38.5
""",
        """
sensor_id = { column = "Logger" }
recorded_at = { column = ["Date", "Time"], format = "%m/%d/%Y %I:%M %p" }
temperature = { column = "Temp (F)", unit = "fahrenheit" }
""",
    ),
    "pairs in arrays, with the sensor in the object around them": (
        """
{"data":{"result":[{"metric":{"sensor":"a"},"values":[[1769279400,"4.5"],[1769279460,"4.6"]]}]}}
""",
        """
records = "data.result.values"
tenant_id = { register = true }
sensor_id = { column = "../metric.sensor" }
recorded_at = { column = "0", format = "epoch_s" }
temperature = { column = "1" }
""",
    ),
    "times as keys, and sensors as keys within": (
        """
{"2026-01-24T18:30:00Z":{"a":4.5,"b":5},"2026-01-24T18:40:00Z":{"a":4.6}}
""",
        """
records = "*.*"
tenant_id = { register = true }
sensor_id = { column = "*" }
recorded_at = { column = "../*" }
temperature = { column = "value" }
""",
    ),
    "lists side by side": (
        """
{"id":"s1","hourly":{"time":["2026-01-24T18:00Z","2026-01-24T18:30Z"],"temperature_2m":[4.5,5]}}
""",
        """
tenant_id = { register = true }
sensor_id = { column = "id" }
recorded_at = { column = "hourly.time.*" }
temperature = { column = "hourly.temperature_2m.*" }
""",
    ),
    "JSON within a text": (
        """
{"ts":1769279400000,"payload":"{\\"id\\":\\"a1\\",\\"t\\":4.5}"}
""",
        """
embedded = ["payload"]
tenant_id = { register = true }
sensor_id = { column = "payload.id" }
recorded_at = { column = "ts", format = "epoch_ms" }
temperature = { column = "payload.t" }
""",
    ),
    "other measures among the rows, and a unit in each": (
        """
{"sn":"1","at":"2026-01-24T18:30:00Z","kind":"temperature","v":40.1,"unit":"F"}
{"sn":"1","at":"2026-01-24T18:30:00Z","kind":"humidity","v":60,"unit":"%"}
{"sn":"1","at":"2026-01-24T18:40:00Z","kind":"temperature","v":4.5,"unit":"C"}
""",
        """
where = { "kind" = ["temperature"] }
tenant_id = { register = true }
sensor_id = { column = "sn" }
recorded_at = { column = "at" }
temperature = { column = "v", unit_column = "unit" }
""",
    ),
    "a title above the header, and days as spreadsheets count them": (
        """
Station A;;
Time;Probe;Temp °C
46046.7708333;A;4.5
46046.7777777;A;4.6
""",
        """
delimiter = ";"
skip_lines = 1
tenant_id = { register = true }
sensor_id = { column = "Probe" }
recorded_at = { column = "Time", format = "excel" }
temperature = { column = "Temp °C" }
""",
    ),
    "one column per sensor of several loggers": (
        """
time,logger,T1,T2
2026-01-24T18:30:00Z,L1,4.5,5
2026-01-24T18:30:00Z,L2,4.6,5
""",
        """
sensor_id = { column = "logger" }
recorded_at = { column = "time" }
wide = { columns = "^(T1|T2)$" }
""",
    ),
    "a decimal comma in quotes, and another minus": (
        """
"dev","time","t"
"a","2026-01-24T18:30:00Z","\N{MINUS SIGN}4,5"
""",
        """
decimal = ","
tenant_id = { register = true }
sensor_id = { column = "dev" }
recorded_at = { column = "time" }
temperature = { column = "t" }
""",
    ),
    "one measurement in a text, which is no sensor by its key": (
        """
{"data":"{\\"t\\":4.5}","published_at":"2026-01-24T18:30:00Z","coreid":"e00fce68"}
""",
        """
embedded = ["data"]
tenant_id = { register = true }
sensor_id = { column = "coreid" }
recorded_at = { column = "published_at" }
temperature = { column = "data.t" }
""",
    ),
    "JSON in base64 within records": (
        """
{"records":[{"recordId":"1","data":"eyJkZXYiOiJhIiwidHMiOjE3NjkyNzk0MDAwMDAsInRlbXAiOjQuNX0="}]}
""",
        """
records = "records"
embedded = ["records.data"]
tenant_id = { register = true }
sensor_id = { column = "data.dev" }
recorded_at = { column = "data.ts", format = "epoch_ms" }
temperature = { column = "data.temp" }
""",
    ),
    "times with a blank before their offset, and more digits than are read": (
        """
Device,Ts,Temp
f7,2026-01-24 18:10:00.0000000 +00:00,4.5
f7,2026-01-24 20:20:00.1250000 +02:00,4.6
""",
        """
sensor_id = { column = "Device" }
recorded_at = { column = "Ts", format = "%Y-%m-%d %H:%M:%S%.f %z" }
temperature = { column = "Temp" }
""",
    ),
    "what is called a temperature, beside other small numbers": (
        """
{"dc":{"balance":1},"decoded":{"payload":[{"name":"Temp","value":4.5},{"name":"Hum","value":40}]},"dev_eui":"A1","at":1769279400}
""",
        """
records = "decoded.payload"
where = { "name" = ["Temp"] }
tenant_id = { register = true }
sensor_id = { column = "/dev_eui" }
recorded_at = { column = "/at", format = "epoch_s" }
temperature = { column = "value" }
""",
    ),
    "the gallery's columns without the lines that its entry skips": (
        """
,result,table,_time,_value,sensor
,,0,2026-01-24T18:30:00Z,4.5,a
,,0,2026-01-24T18:31:00Z,4.5,a

,result,table,_time,_value,sensor
,,1,2026-01-24T18:30:00Z,5,b
""",
        """
sensor_id = { column = "sensor" }
recorded_at = { column = "_time" }
temperature = { column = "_value" }
""",
    ),
    "three columns as of a logger whose columns have no names, but with names": (
        "sensor\tat\ttemp\na\t2026-01-24T18:30:00Z\t4.5\nb\t2026-01-24T18:30:00Z\t5\n",
        """
sensor_id = { column = "sensor" }
recorded_at = { column = "at" }
temperature = { column = "temp" }
""",
    ),
    "a state before the value, and rows of doors": (
        """
{"sensorID":"1","state":"0","at":"2026-01-24 18:30:37","dataType":"TemperatureData","dataValue":"4.5"}
{"sensorID":"2","state":"2","at":"2026-01-24 18:30:38","dataType":"DoorData","dataValue":"False"}
""",
        """
where = { "dataType" = ["TemperatureData"] }
tenant_id = { register = true }
sensor_id = { column = "sensorID" }
recorded_at = { column = "at" }
temperature = { column = "dataValue" }
""",
    ),
    "a logger's number in the first row alone": (
        """
Fridge,Time,Celsius(°C),High Alarm,Serial Number
1,24/01/2026 18:10:00,4.5,8.0,010012345
2,24/01/2026 18:20:00,4.6,8.0
3,24/01/2026 18:30:00,4.7,8.0
4,24/01/2026 18:40:00,4.6,8.0
""",
        """
short_rows = true
tenant_id = { register = true }
sensor_id = { path = "(?P<sensor_id>[^/.]+)[^/]*$" }
recorded_at = { column = "Time", format = "%d/%m/%Y %H:%M:%S" }
temperature = { column = "Celsius(°C)" }
""",
    ),
    "Fahrenheit behind the numbers, a time of two columns with the blank of some languages": (
        """
Device,Date,Time,Temp
A,1/24/2026,6:10:00\u202fPM,14.5 °F
A,1/24/2026,6:20:00\u202fPM,-0.5°F
""",
        """
sensor_id = { column = "Device" }
recorded_at = { column = ["Date", "Time"], format = "%m/%d/%Y %I:%M:%S %p" }
temperature = { column = "Temp", unit = "fahrenheit" }
""",
    ),
    "columns without names whose first line is a reading": (
        "1\t2026-01-24 18:10:00\t4.5\n2\t2026-01-24 18:20:00\t4.6\n",
        """
header = ["column 1", "column 2", "column 3"]
tenant_id = { register = true }
sensor_id = { path = "(?P<sensor_id>[^/.]+)[^/]*$" }
recorded_at = { column = "column 2" }
temperature = { column = "column 3" }
""",
    ),
    "thousandths of a degree": (
        '{"data": [{"id": "A", "ambient": [{"value": 4500, "time": "2026-01-24T18:10:00Z"}]}]}\n',
        'temperature = { column = "value", scale = 0.001 }\n',
    ),
    "a temperature that is called so before more numbers that are not": (
        """
{"src":"ht-1","params":{"ts":1769278200.12,"temperature:0":{"id":0,"tC":4.5,"x":40.1},"humidity:0":{"rh":50}}}
""",
        """
recorded_at = { column = "params.ts", format = "epoch_s" }
temperature = { column = "params.temperature:0.tC" }
""",
    ),
    "units behind numbers whose columns are called by their places": (
        'sep=,\n"Time","kitchen","cold store"\n2026-01-24 18:30:00,4.50 °C,-18.1 °C\n2026-01-24 18:40:00,4.60 °C,\n',
        """
recorded_at = { column = "Time" }
wide = { columns = "^(kitchen|cold\\\\ store)$" }
""",
    ),
    "days and seconds with a decimal comma": (
        "id;when;temp\nS1;46046,7708333333;4,5\nS1;46046,7777777778;4,6\n",
        """
decimal = ","
tenant_id = { register = true }
sensor_id = { column = "id" }
recorded_at = { column = "when", format = "excel" }
temperature = { column = "temp" }
""",
    ),
    "a clock of twelve hours as other languages write it": (
        "id,Date,Time,temp\nS1,24/01/2026,6:30:00 p.\N{NO-BREAK SPACE}m.,4.5\nS1,24/01/2026,6:40:00p,4.6\n",
        """
sensor_id = { column = "id" }
recorded_at = { column = ["Date", "Time"], format = "%d/%m/%Y %I:%M:%S %p" }
temperature = { column = "temp" }
""",
    ),
    "an offset in the name of the time of day": (
        '"Day (M/D/Y)","Time (GMT -05:00)","Temp - °C"\n"01/24/2026","13:30:00","4.5"\n"01/24/2026","13:40:00","4.6"\n',
        """
recorded_at = { column = ["Day (M/D/Y)", "Time (GMT -05:00)"], format = "%m/%d/%Y %H:%M:%S", timezone = "Etc/GMT+5" }
temperature = { column = "Temp - °C" }
""",
    ),
    "two lines of names, of which the gallery's file without names has one": (
        "Time,Probe,Probe\n,1,2\n2026-01-24 18:30,4.5,5\n2026-01-24 18:40,4.6,5\n2026-01-24 18:50,4.6,5\n",
        None,
    ),
    "no temperature": ("time,humidity\n2026-01-24T18:30:00Z,40\n", None),
    "no temperature but times": ('{"at": {"0": 1769279400000, "1": 1769279460000}, "x": {"0": "a", "1": "b"}}', None),
}


@pytest.mark.parametrize("case", GUESSED)
def test_an_unknown_file_is_guessed_by_names_units_and_values(case: str, tmp_path: Path) -> None:
    content, expected = GUESSED[case]
    file = tmp_path / "unknown-1.txt"
    file.write_text(content.lstrip(), encoding="utf-16" if case.startswith("a date") else None)
    guess = guess_source(sample_of(file, file.name), ENTRIES)
    if expected is None:
        assert guess is None
        return
    assert guess is not None
    assert guess.toml.endswith(expected.lstrip())
    assert "skip_lines = 3" not in guess.toml
    (source,) = read_sources(guess.toml)
    assert check_source(file, file.name, source, LATER).readings > 0


@pytest.mark.parametrize(
    ("content", "doubt"),
    [
        (
            "id,feed,at,temp\n0F1,2,2026-01-24T18:30:00Z,4.5\n0F2,2,2026-01-24T18:40:00Z,5\n0F3,2,2026-01-24T18:50:00Z,5\n",
            "every reading has a value of 'id' of its own: is it a number of the message?",
        ),
        (
            'id,"Date Time, GMT+05:30",t\na,01/24/26 02:30:00 PM,4.5\n',
            'the times say no offset and are read as UTC; are they local? Then say timezone = "…"',
        ),
        (
            "id,time,Fridge (°C),Freezer (°C)\na,2026-01-24T18:30:00Z,4.5,-18\n",
            "'Freezer (°C)' may be temperatures as well, and are not read",
        ),
        (
            '{"at":"2026-01-24T18:30:00Z","P1":{"id":"a","temp":4.5},"P2":{"id":"b","temp":5}}\n',
            "'P2.temp' may be temperatures as well, and are not read",
        ),
        (
            "id,time,t,bay\na,2026-01-24T18:30:00Z,4.5,1\na,2026-01-24T18:30:00Z,5,2\n",
            "readings of one sensor and time differ, and count once: what else tells them apart?",
        ),
        (
            '{"id":"a","start":1769279400,"interval":300,"temps":[4.5,4.6]}\n',
            "readings of one sensor and time differ, and count once: what else tells them apart?",
        ),
        (
            '{"gw":"g1","at":"2026-01-24T18:30:00Z","object":{"temp_1":4.5,"temp_2":5}}\n',
            'if several gateways have these keys, say whose they are: ["…", "*"]',
        ),
        (
            '{"timestamp":1769279400000,"values":[{"id":"T1","v":4.5},{"id":"Door","v":1}]}\n',
            "only the values of 'v' look like temperatures: are they?",
        ),
        (
            "time,T1,T2\n2026-01-24T18:30:00Z,4.5,5\n",
            "if several loggers have these columns, say sensor_id as well: it stands before a column's name",
        ),
        (
            "id,time,temp\na,2026-01-24T18:30:00Z,4.5\na,2026-01-24T18:40:00Z,\\N\n",
            r"1 of 2 values are no numbers, such as '\\N', and rejected: was nothing measured? Say missing",
        ),
        (
            '{"id":"a","at":"2026-01-24T18:30:00Z","t":4.5}\n{"id":"a","at":"2026-01-24T18:40:00Z","t":{"d":"4.6"}}\n',
            "only 1 of 2 rows have a time and a temperature",
        ),
    ],
)
def test_a_guess_that_leaves_readings_out_says_so_and_is_not_sure(content: str, doubt: str, tmp_path: Path) -> None:
    file = tmp_path / "unknown-1.txt"
    file.write_text(content)
    guess = guessed(file, file.name)
    assert guess.confidence == "low"
    assert doubt in guess.reasons
    (source,) = read_sources(guess.toml)
    assert check_source(file, file.name, source, LATER).readings > 0


def test_readings_that_a_source_does_not_tell_apart_are_told_before_they_are_lost(tmp_path: Path) -> None:
    file = tmp_path / "racks.csv"
    file.write_text("at,rack,t\n" + "".join(f"2026-01-24T18:30:00Z,{rack},4.5\n" for rack in (1, 2, 3)))
    text = """
[[source]]
name = "racks"
match = "*"
tenant_id = { value = "troy" }
sensor_id = { SENSOR }
recorded_at = { column = "at" }
temperature = { column = "t" }
"""
    for sensor, repeated in (('value = "rack"', 2), ('column = "rack"', 0)):
        (source,) = read_sources(text.replace("SENSOR", sensor))
        found = check_source(file, file.name, source, HOUR)
        assert (found.readings, found.repeated) == (3, repeated)
        told = [warning for warning in found.warnings if "the sensor and the time of another" in warning]
        assert [warning.partition(" ")[0] for warning in told] == (["2"] if repeated else [])


def test_what_guess_prints_is_a_file_of_sources_that_check_accepts(tmp_path: Path) -> None:
    file, written = tmp_path / "rack-1.csv", tmp_path / "sources.toml"
    file.write_text("time,T1,door,T2\n2026-01-24T18:30:00Z,4.5,1,5\n")
    guess = CliRunner().invoke(sources, ["guess", str(file)])
    assert guess.output.startswith("# confidence: low\n# - by names and values: time in 'time'")
    written.write_text(guess.output)
    arguments = ["check", str(file), "--hour", HOUR.key]
    check = CliRunner().invoke(sources, arguments, env={"FRIDGE_SOURCES": str(written)})
    assert "read by source rack: 2 rows, 2 readings\n  tenants by the register, 2 sensors" in check.output
    file.write_text("a,b\n1,2\n")
    nothing = CliRunner().invoke(sources, ["guess", str(file)])
    assert nothing.exit_code == 1
    assert "no source can be guessed for rack-1.csv" in nothing.output
