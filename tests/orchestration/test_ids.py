"""One device is one sensor on the bill, and where nobody can know it, somebody is told."""

from datetime import datetime

import dagster as dg
import polars as pl
import pytest

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.ingest.landing_record import similar_ids
from tests.console_script import Run
from tests.orchestration.test_integrity_checks import check_of
from tests.orchestration.ticks import run_hours
from tests.pipeline import Pipeline


def add_sensors(pipeline: Pipeline, tenant_id: str, *sensor_ids: str) -> None:
    with pipeline.database.connect() as connection:
        for sensor_id in sensor_ids:
            connection.execute(
                "insert into fridge.sensors (tenant_id, sensor_id) values (%s, %s)", [tenant_id, sensor_id]
            )


def told(pipeline: Pipeline) -> list[str]:
    with pipeline.database.connect() as connection:
        return [str(each) for each in similar_ids(connection)]


def test_one_reading_delivered_with_and_without_blanks_in_every_format_is_billed_once(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    time = f"{hour.start:%Y-%m-%dT%H:%M:%SZ}"
    header = "tenant_id, sensor_id, recorded_at, temperature_c\n"
    pipeline.land(hour, "a.csv", f"{header}cohoes, s1, {time}, 4.2\n".encode())
    pipeline.land(hour, "b.csv", f'{header}"cohoes" ,\t"\ufeffs1", "{time}", "4.2"\n'.encode())
    pipeline.land(
        hour,
        "c.ndjson",
        f'{{"tenant_id":"\u00a0cohoes","sensor_id":"s1 ","recorded_at":"{time}","temperature_c":4.2}}'.encode() * 2,
    )
    path = pipeline.land(hour, "d.parquet", b"")
    pl.DataFrame(
        {"tenant_id": ["cohoes "], "sensor_id": [" s1"], "recorded_at": [hour.start], "temperature_c": [4.2]}
    ).write_parquet(path)
    pipeline.run(hour)

    assert pipeline.rows("select tenant_id, sensor_id from fridge.sensors") == [("cohoes", "s1")]
    assert pipeline.rows(
        "select sum(row_count)::int, sum(inserted_count)::int, sum(duplicate_count)::int from fridge.landing_files"
    ) == [(5, 1, 4)]
    assert set(pipeline.stripe_totals("cohoes").values()) == {1}


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (("A840", "a840"), "sensor of cohoes 'A840', 'a840'"),
        (("007", "7", "7.0", "7.00", "0.7e1"), "sensor of cohoes '0.7e1', '7.00' and 3 more"),
        (("00a1", "A1"), "sensor of cohoes '00a1', 'A1'"),
        (("8.6E+14", "860000000000000"), "sensor of cohoes '8.6E+14', '860000000000000'"),
        (("8.60E+14",), "sensor of cohoes '8.60E+14', which has lost its last digits"),
        ((" s1", "s1", "s2"), "sensor of cohoes ' s1', 's1'"),
    ],
)
def test_sensors_of_a_tenant_that_are_probably_one_are_told(
    pipeline: Pipeline, ids: tuple[str, ...], expected: str
) -> None:
    add_sensors(pipeline, "cohoes", *ids)

    assert told(pipeline) == [expected]


def test_ids_that_differ_otherwise_or_belong_to_two_tenants_are_not_told(pipeline: Pipeline) -> None:
    odd = ("1e9999", "1.2.3", "10", "1", "100", "a.0", "a", "-7", "7", "é", "e", "86E14", "0", "0x1", "7" * 500)
    add_sensors(pipeline, "cohoes", *odd)
    add_sensors(pipeline, "utica", "07", "A")

    assert told(pipeline) == []


def test_tenants_that_are_probably_one_are_told_whether_they_deliver_or_are_imported(pipeline: Pipeline) -> None:
    add_sensors(pipeline, "Cohoes", "s1")
    pipeline.add_tenant("cohoes")
    add_sensors(pipeline, "042", "s1")
    add_sensors(pipeline, "42", "s2")

    assert told(pipeline) == ["tenant '042', '42'", "tenant 'Cohoes', 'cohoes'"]


def test_the_check_and_doctor_warn_of_two_spellings_and_nothing_is_merged_or_stopped(
    definitions: dg.Definitions, pipeline: Pipeline, run: Run, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    rows = [("cohoes", sensor, hour.start, 4.0) for sensor in ("A840", "b1")]
    pipeline.land(hour, "a.csv", rows)
    with dg.DagsterInstance.ephemeral() as instance:
        assert check_of(run_hours(definitions, instance, HourRange(hour, hour)), "ids_are_written_in_one_way").passed
        assert "ok    ids: " in run("doctor").stdout
        pipeline.land(hour, "b.csv", [("cohoes", "a840", hour.start, 4.0)])
        result = run_hours(definitions, instance, HourRange(hour, hour))
    check = check_of(result, "ids_are_written_in_one_way")

    assert result.success
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert check.description == "1 written in several ways: sensor of cohoes 'A840', 'a840'"
    assert pipeline.stripe_totals("cohoes") == {("temperature_readings", hour.key): 3, ("active_sensors", hour.key): 3}
    doctor = run("doctor")
    assert doctor.returncode == 0
    assert "warn  ids: 1 written in several ways, each counted by itself: sensor of cohoes 'A840', 'a840'; " in (
        doctor.stdout
    )
