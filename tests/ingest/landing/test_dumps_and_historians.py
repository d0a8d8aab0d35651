"""What brokers, historians and old gateways write: each of these ended a load, was read wrongly, or was told badly."""

from __future__ import annotations

import json

import pytest

from fridge_pipeline.ingest.sources_file import SourcesError
from tests.ingest.landing.test_newcomers_gateways import AT, FIELDS, plain
from tests.ingest.landing.test_sources import read, source

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


@pytest.mark.parametrize("time", ["Czas", "tijd", "Tid", "Aika", "Zaman", "Idő", "Время", "时间", "日時", "Giorno", "Data"])
def test_a_second_header_calls_its_time_one_in_many_languages(time: str) -> None:
    content = f"at,t,s\n{AT},4.5,s1\n{time},RH,probe\n{AT},45,s2\n"
    found = read(source(plain("two")), content, "two.csv")
    assert ([sensor for _, _, sensor, *_ in found.valid], found.rejected) == (["s1"], [])
    assert "line 3 is a header of other columns" in str(found.error)


def test_arrays_within_an_array_are_their_elements_unless_columns_are_places() -> None:
    """As Home Assistant answers: an array of each entity's states."""
    states = [[{"s": "f1", "at": AT, "t": "4.5"}, {"s": "f1", "at": AT, "t": "unknown"}], [], [{"s": "f2", "at": AT, "t": 5}]]
    found = read(source(plain("states")), json.dumps(states, indent=1), "history.json")
    assert [(line, sensor, degrees) for line, _, sensor, _, degrees in found.valid] == [(3, "f1", 4.5), (16, "f2", 5)]
    assert [(line, reason) for line, reason, _ in found.rejected] == [(8, "unreadable temperature")]
    assert found.error is None
    places = FIELDS.replace('"s"', '"0"').replace('"at"', '"1"').replace('"t"', '"2"')
    listed = read(source(plain("lists", places)), json.dumps([["f1", AT, 4.5], ["f2", AT, 5]]), "lists.json")
    assert [(sensor, degrees) for _, _, sensor, _, degrees in listed.valid] == [("f1", 4.5), ("f2", 5)]
