"""Each gallery entry reads a file in the shape of its delivery: readings with times in UTC and degrees, and reasons."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.ingest.check_source import check_source
from fridge_pipeline.ingest.gallery import gallery, gallery_sources
from fridge_pipeline.ingest.landing.landing_errors import UnreadableFileError
from fridge_pipeline.ingest.rules.reading import judge, rejected_rows, valid_readings
from fridge_pipeline.ingest.rules.sensor_register import REGISTER_SCHEMA, SensorRegister, with_registered_tenants
from fridge_pipeline.ingest.rules.source import Source, source_of
from tests.ingest.gallery.delivered import PATHS, content_of, rows_of

HOUR = Hour.from_key("2026-01-24-18:00")

PAGE = Path(__file__).parents[3] / "docs/sources.md"

Reading = tuple[int, str, str, float]
Rejected = tuple[int, str]

#: Of each entry: line, sensor, time of day in UTC and degrees Celsius of its readings; line and reason of the others.
EXPECTED: dict[str, tuple[list[Reading], list[Rejected]]] = {
    "chirpstack-up": (
        [(1, "0101010101010101", "18:34:15.775023", 3.75), (3, "0101010101010102", "18:35:00.500000", 4.0)],
        [(2, "missing temperature_c")],
    ),
    "delta-parquet": ([(1, "17", "18:30:00", 4.5), (2, "18", "18:31:00", -18.5)], [(3, "missing temperature_c")]),
    "elitech-datareader": (
        [(2, "rc4-17", "18:30:00", 4.5), (3, "rc4-17", "18:30:10", 4.6)],
        [(4, "temperature not finite")],
    ),
    "event-hubs-capture": (
        [(1, "probe-1", "18:30:00", 4.5), (2, "probe-2", "18:31:00", -18.5)],
        [(3, "missing temperature_c")],
    ),
    "firehose-json": (
        [(1, "probe-1", "18:30:00", 4.5), (1, "probe-2", "18:31:00.500000", -18.5)],
        [(1, "missing temperature_c")],
    ),
    "govee-home": ([(2, "cellar", "18:15:00", 4.6), (3, "cellar", "18:30:00", 20.0)], [(4, "missing temperature_c")]),
    "hoboware-csv": (
        [
            (3, "Temp, °C (LGR S/N: 10360568, SEN S/N: 10360568)", "18:30:00", 4.558),
            (4, "Temp, °C (LGR S/N: 10360568, SEN S/N: 10360568)", "18:45:00", 4.402),
        ],
        [(5, "no measurement")],
    ),
    "home-assistant-history": (
        [
            (2, "sensor.cold_room_temperature", "18:00:00", 4.24947),
            (4, "sensor.freezer_temperature", "18:20:00.123000", -18.5),
        ],
        [(3, "unreadable temperature")],
    ),
    "influxdb-annotated": (
        [(5, "probe-1", "18:08:47", 4.3), (6, "probe-1", "18:18:47", 4.4), (9, "probe-2", "18:08:47", -18.2)],
        [(8, "unreadable temperature")],
    ),
    "iot-hub-storage": (
        [(1, "device-1", "18:46:09.887000", 4.91), (2, "device-2", "18:47:09", 5.0)],
        [(3, "missing temperature_c")],
    ),
    "mosquitto-sub": (
        [(1, "zigbee2mqtt/fridge-1", "18:30:00.123456", 4.5), (3, "zigbee2mqtt/freezer", "18:32:00.500000", -18.25)],
        [(2, "a row of another measure"), (4, "missing temperature_c")],
    ),
    "netatmo-csv": ([(4, "north", "18:30:02", 5.6), (5, "north", "18:35:04", 5.7)], [(6, "missing temperature_c")]),
    "purpleair-history": (
        [(2, "164351", "18:30:00", 4.0), (3, "164351", "18:40:00", -5.0)],
        [(4, "missing temperature_c")],
    ),
    "ruuvi-station": ([(2, "A1B2", "18:30:00", 4.5), (3, "A1B2", "18:33:00", 4.75)], [(4, "missing temperature_c")]),
    "senml": (
        [
            (1, "urn:dev:ow:10e2073a01080063:temperature", "18:30:00", 4.5),
            (1, "urn:dev:ow:10e2073a01080063:temperature", "18:31:00.500000", -18.25),
            (1, "urn:dev:ow:10e2073a01080064:temperature", "18:29:00", 4.0),
            (7, "urn:dev:ow:10e2073a01080066:temperature", "18:31:00", 5.0),
        ],
        [
            (1, "a row of another measure"),
            (1, "missing temperature_c"),
            (1, "unreadable time"),
            (7, "time more than three years before the landing hour"),
        ],
    ),
    "sensor-community": (
        [(2, "11246", "18:00:19", 5.1), (3, "11246", "18:02:45", 5.14)],
        [(4, "missing temperature_c")],
    ),
    "sensorpush-app": (
        [(2, "16965", "18:30:00", 4.25), (4, "16965", "18:32:00", 4.75)],
        [(3, "missing temperature_c")],
    ),
    "sensorthings": (
        [(4, "7", "18:30:00", 4.5), (8, "8", "18:31:00", -5.0)],
        [(6, "unreadable time"), (10, "unreadable temperature")],
    ),
    "telegraf-json": (
        [(1, "probe-1", "18:30:00", 4.5), (3, "probe-2", "18:31:00", -18.5)],
        [(2, "missing temperature_c")],
    ),
    "things-stack-storage": (
        [(1, "fridge-1", "18:08:44.868680", 5.25), (5, "fridge-2", "18:28:44", 6.0)],
        [(3, "missing temperature_c")],
    ),
    "things-stack-webhook": (
        [(1, "fridge-1", "18:30:46.014773", 4.5), (4, "freezer-1", "18:33:00", -18.25)],
        [(2, "missing temperature_c"), (3, "missing temperature_c")],
    ),
    "who-pqs-emd": (
        [(1, "logger-1", "18:30:00", 4.5), (1, "logger-2", "18:31:00", 5.25)],
        [(1, "missing temperature_c")],
    ),
    "zabbix-export": (
        [(1, "rack-1-23296", "18:30:00", 4.5), (3, "rack-2-23301", "18:31:00", 18.0)],
        [(2, "a row of another measure"), (4, "a row of another measure")],
    ),
}


def registered(source: Source, sensors: set[str]) -> SensorRegister:
    """A register in which these sensors are troy's."""
    since = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [(sensor, since, "troy") for sensor in sensors if source.tenant_id.register]
    return SensorRegister(pl.DataFrame(rows, schema=REGISTER_SCHEMA, orient="row"), 1)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_gallery_entry_reads_a_file_of_its_delivery_row_for_row(name: str) -> None:
    readings, rejected = EXPECTED[name]
    source = gallery_sources()[name]
    register = registered(source, {sensor for _, sensor, _, _ in readings})
    rows = rows_of(name, source)
    judged = judge(with_registered_tenants(rows, register) if source.tenant_id.register else rows, HOUR)
    found = [
        (line, tenant, sensor, time.isoformat().removeprefix("2026-01-24T").removesuffix("+00:00"), degrees)
        for line, tenant, sensor, time, degrees in valid_readings(judged).iter_rows()
    ]
    assert found == [(line, "troy", *reading) for line, *reading in readings]
    assert rejected_rows(judged).select("line", "reason").rows() == rejected


def test_every_entry_is_a_source_of_its_files_name_with_a_delivery_and_says_where_its_facts_are_from() -> None:
    sources = gallery_sources()
    assert set(sources) == set(EXPECTED) == set(PATHS)
    assert len(sources) >= 15
    for name, text in gallery().items():
        assert sources[name].name == name
        assert source_of(PATHS[name], [sources[name]]) is sources[name]
        assert "\n# Facts: " in text
        assert "\n# Adapt: " in text
        assert f"(../fridge_pipeline/ingest/gallery/{name}.toml)" in PAGE.read_text("utf-8")


@pytest.mark.parametrize("name", EXPECTED)
def test_a_check_shows_the_same_readings_and_reasons_without_asking_the_register(name: str, tmp_path: Path) -> None:
    readings, rejected = EXPECTED[name]
    source = gallery_sources()[name]
    (tmp_path / "delivered").write_bytes(content_of(name))
    found = check_source(tmp_path / "delivered", PATHS[name], source, HOUR)
    tenant = None if source.tenant_id.register else "troy"
    assert [(line, of, sensor, degrees) for line, of, sensor, _, degrees in found.first] == [
        (line, tenant, sensor, degrees) for line, sensor, _, degrees in readings
    ]
    assert sum(each.rows for each in found.rejections) == len(rejected)
    assert found.tenants == (0 if source.tenant_id.register else 1)
    assert found.damage is None


#: What is put into a file where it hurts: separators, brackets, numbers that are none, broken text.
BROKEN = [b",", b";", b'"', b"\n", b"{", b"}", b"]", b"1e999", b"nan", b"\0", b"\\", b"null", b"\xff", b"9" * 20]


@pytest.mark.parametrize("name", EXPECTED)
def test_of_a_broken_file_every_row_is_a_reading_or_has_a_reason_or_the_file_is_refused(name: str) -> None:
    source, content, chance = gallery_sources()[name], content_of(name), random.Random(name)  # noqa: S311 # bytes, no secrets
    for _ in range(10):
        at = chance.randrange(len(content))
        broken = content[:at] + chance.choice(BROKEN) + content[at + chance.randrange(3) :]
        try:
            rows = rows_of(name, source, broken)
        except UnreadableFileError:
            continue
        judged = judge(rows, HOUR)
        assert valid_readings(judged).height + rejected_rows(judged).height == rows.height > 0
