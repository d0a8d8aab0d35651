from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from fridge_pipeline.catalogue.measure import ACTIVE_SENSORS, INSERTED_COUNT
from fridge_pipeline.catalogue.measures_file import read_measures
from fridge_pipeline.catalogue.meter import CATALOGUE, Formula, Meter, Restatement, Tolerance, Window
from fridge_pipeline.catalogue.meters_file import CatalogueError, read_catalogue
from fridge_pipeline.settings import SettingError, read_settings

READINGS = """
[[meter]]
event_name = "readings"
display_name = "Readings stored"
measure = "inserted_count"
formula = "sum"
window = "none"
"""
SENSORS = """
[[meter]]
event_name = "sensors"
display_name = "Sensors of the last hour"
measure = "active_sensors"
formula = "last"
window = "hour"
"""


TOLERANCE = """
[meter.tolerance]
factor = 2.5
hours = 48
"""


def test_a_meter_may_say_how_far_above_its_history_usage_passes_and_what_it_leaves_out_is_the_default() -> None:
    readings, sensors = read_catalogue(tomllib.loads(READINGS + TOLERANCE + SENSORS))
    assert (readings.tolerance, sensors.tolerance) == (Tolerance(factor=2.5, hours=48), Tolerance())


def test_a_catalogue_says_of_each_meter_how_it_is_counted_and_restated() -> None:
    catalogue = read_catalogue(tomllib.loads(READINGS + SENSORS))
    assert catalogue == (
        Meter("readings", "Readings stored", INSERTED_COUNT, Formula.SUM, Window.NONE),
        Meter("sensors", "Sensors of the last hour", ACTIVE_SENSORS, Formula.LAST, Window.HOUR),
    )
    assert [meter.restatement for meter in catalogue] == [Restatement.DIFFERENCE, Restatement.TOTAL]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "it holds no .*meter"),
        ("meters = 1", "unknown key 'meters'"),
        ("meter = 1", "two brackets"),
        ("[meter]\nevent_name = 'a'", "two brackets"),
        (READINGS + "unit = 'x'", "meter 1 has the unknown key unit; there are event_name, display_name"),
        (READINGS + SENSORS.replace('window = "hour"', ""), "meter 2 lacks window"),
        (READINGS.replace("inserted_count", "fridges"), "measure is inserted_count or active_sensors, got 'fridges'"),
        (READINGS.replace('"sum"', '"max"'), "formula is sum or last, got 'max'"),
        (READINGS.replace('"none"', '"day"'), "window is hour or none, got 'day'"),
        (READINGS.replace('"none"', "3"), "window is hour or none, got 3"),
        (READINGS.replace('"readings"', '" readings"'), "event_name is a text .* got ' readings'"),
        (READINGS.replace('"readings"', "7"), "event_name is a text .* got 7"),
        (READINGS.replace('"readings"', '"a:b"'), "meter 1: .*holds no colon"),
        (READINGS.replace('"readings"', f'"{"r" * 101}"'), "at most 100 characters for event_name, got 101"),
        (READINGS + "tolerance = 3", "meter 1: tolerance is a table of its own, .meter.tolerance., got 3"),
        (READINGS + TOLERANCE.replace("2.5", "0.5"), "meter 1: factor is a number from 1.*got 0.5"),
        (READINGS + TOLERANCE.replace("48", "48.5"), "meter 1: tolerance: hours is a whole number, got 48.5"),
        (READINGS + TOLERANCE.replace("2.5", "true"), "meter 1: tolerance: factor is a number, got True"),
        (READINGS + TOLERANCE.replace("48", "12"), "meter 1: hours_min is from 1 up to hours"),
        (
            READINGS + TOLERANCE + "mad = 1",
            "meter 1: tolerance has the unknown key mad; there are factor, deviations",
        ),
        (READINGS + READINGS, "2 meters have the event name 'readings'"),
        (READINGS + READINGS.replace('"readings"', '"more"'), "2 meters have the measure 'inserted_count'"),
    ],
)
def test_a_catalogue_that_cannot_be_meant_is_refused_with_the_meter_and_what_to_write(text: str, told: str) -> None:
    with pytest.raises(CatalogueError, match=told):
        read_catalogue(tomllib.loads(text))


def test_the_setting_names_a_file_that_replaces_the_default_catalogue_whole(tmp_path: Path) -> None:
    assert read_settings({}).catalogue == CATALOGUE
    file = tmp_path / "meters.toml"
    file.write_text(SENSORS)
    assert [meter.event_name for meter in read_settings({"FRIDGE_METERS": str(file)}).catalogue] == ["sensors"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "cannot read .*meters.toml: No such file"),
        (b"[[meter", "meters.toml: "),
        (b"# \xff", "meters.toml: "),
        (b"meters = 1", "meters.toml: unknown key 'meters'"),
    ],
)
def test_a_catalogue_that_cannot_be_read_is_an_error_that_names_variable_file_and_cause(
    tmp_path: Path, text: bytes | None, told: str
) -> None:
    file = tmp_path / "meters.toml"
    if text is not None:
        file.write_bytes(text)
    with pytest.raises(SettingError, match=f"FRIDGE_METERS: .*{told}"):
        read_settings({"FRIDGE_METERS": str(file)})


ALARMS = """
[[measure]]
name = "alarms"
aggregate = "count"
where = "temperature_c > 8"
"""
PEAK = """
[[measure]]
name = "peak"
aggregate = "max"
column = "temperature_c"
where = "temperature_c between 0 and 90"
scale = 10
"""
BILLED = READINGS.replace("inserted_count", "peak").replace('"none"', '"hour"')


def test_a_meter_bills_a_measure_that_its_file_declares() -> None:
    (meter,) = read_catalogue(tomllib.loads(BILLED + PEAK))
    assert meter.measure.definition == "max(temperature_c * 10) where temperature_c between 0 and 90"
    assert read_measures(tomllib.loads(BILLED + PEAK)) == (meter.measure,)


def where(condition: str) -> str:
    """The count of alarms, with another condition."""
    return ALARMS.replace("temperature_c > 8", condition)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("measure = 1\n", "a table of its own under .*measure"),
        (
            ALARMS.replace('"alarms"', '"active_sensors"'),
            "measure 1: name is .* none of active_sensors, .*got 'active_s",
        ),
        (ALARMS.replace('"alarms"', '"Door alarms"'), "name is at most 63 small letters.*got 'Door alarms'"),
        (ALARMS + ALARMS, "2 measures have the name 'alarms'"),
        (
            ALARMS + "unit = 'x'",
            "measure 1: has the unknown key unit; there are name, aggregate, column, where, scale, from",
        ),
        (ALARMS.replace('"count"', '"avg"'), "aggregate is count or distinct or sum or min or max, got 'avg'"),
        (ALARMS.replace('aggregate = "count"', ""), "measure 1: lacks aggregate"),
        (ALARMS + "scale = 10", "measure alarms: a count has no scale"),
        (PEAK.replace("10", "0.1"), "scale is a whole number from 1 to 1000, got 0.1"),
        (ALARMS.replace("count", "distinct"), "measure alarms: column is sensor_id or temperature_c, got ''"),
        (PEAK.replace('"max"', '"distinct"'), "only sensors are counted distinct"),
        (
            PEAK.replace('column = "temperature_c"', 'column = "sensor_id"'),
            "max is of numbers, and sensor_id is a text",
        ),
        (PEAK.replace("between 0 and 90", "< 90"), 'never below zero, .* where = "temperature_c >= 0"; now it is temp'),
        (PEAK.replace("between 0 and 90", "> 0 or sensor_id = 'a'"), "a quantity is never below zero"),
        (ALARMS + 'from = "2026-11-24"', "measure alarms: from: expected a partition key such as"),
        (where("temperature_c >"), "where: a number is expected where it ends stands"),
        (where("temperature_c > 'a'"), "where: a number is expected where 'a' stands"),
        (where("sensor_id > 'a'"), "where: =, <>, IN or LIKE is expected where '>' stands"),
        (
            where("tenant_id = 'a'"),
            "where: sensor_id or temperature_c or extract.* is expected where 'tenant_id' stands",
        ),
        (where("extract(hour from recorded_at) = 24"), "an hour of the day is from 0 to 23, got 24"),
        (where("temperature_c > 8; drop table usage"), "where: not understood at '; drop table usage'"),
        (where("temperature_c > 8 or pg_sleep(9) = 1"), "is expected where 'pg_sleep' stands"),
        (where("sensor_id like 'a"), 'not understood at "\'a"'),
        (where("(" * 21 + "temperature_c > 8" + ")" * 21), "more than 20 parentheses"),
        (where("temperature_c > 8 or " * 60 + "temperature_c > 8"), "it has 1,?277 characters, and 1000 is the most"),
        (
            BILLED.replace('"hour"', '"none"') + PEAK,
            "meter 1: peak is a max, and a meter .* restated by differences.*write window = .hour.",
        ),
        (BILLED, "meter 1: measure is inserted_count or active_sensors, got 'peak'"),
    ],
)
def test_a_measure_that_cannot_be_meant_is_refused_with_its_name_and_what_to_write(text: str, told: str) -> None:
    with pytest.raises(CatalogueError, match=told):
        read_catalogue(tomllib.loads(text if "meter" in text else text + READINGS))
