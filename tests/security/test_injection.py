"""Ids and file names that are commands elsewhere are text here: stored as they are, or rejected with a reason."""

from __future__ import annotations

import csv
import io
from datetime import datetime

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.ingest.rules.landing_files import storable_path
from tests.console_script import Run
from tests.pipeline import Pipeline

STORED = (
    "'; drop table fridge.tenants; --",
    '"; drop schema fridge cascade; --',
    "' or '1'='1",
    "$$; select pg_sleep(60); $$",
    "\\'; select 1; --",
    "%s %(tenant_id)s %d %%",
    "{} {0.__class__} {{x}}",
    "{{ 7 * 7 }} {% raw %}",
    "../../../../etc/passwd",
    "/etc/passwd",
    "a\nb\r\nc",
    "a\tb",
    "a\u202egnp.exe\u202cb",
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "\\N",
    "$(reboot) `reboot`",
    "x" * 500,
)
REJECTED = {"a\0b": "id with NUL or broken encoding", "x" * 501: "id too long", "x" * 70_000: "id too long"}


def as_csv(rows: list[tuple[str, str]], hour: Hour) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(["tenant_id", "sensor_id", "recorded_at", "temperature_c"])
    writer.writerows((tenant, sensor, f"{hour.start:%Y-%m-%dT%H:%M:%SZ}", "4.5") for tenant, sensor in rows)
    return text.getvalue().encode()


def test_ids_that_are_commands_go_through_a_whole_run_as_text(
    pipeline: Pipeline, run: Run, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    tables = pipeline.rows("select relname from pg_class where relnamespace = 'fridge'::regnamespace order by 1")
    for tenant in STORED:
        pipeline.add_tenant(tenant)
    pipeline.land(hour, "a.csv", as_csv([(evil, evil) for evil in [*STORED, *REJECTED]], hour))

    done = run("bill", "--from", hour.key, "--to", hour.key, FRIDGE_PARTITIONS_START=hour.plus(-3).key)

    assert (done.returncode, done.stderr[-2000:] if done.returncode else "") == (0, "")
    stored = pipeline.rows("select tenant_id, sensor_id from fridge.readings")
    assert sorted(stored) == sorted((evil, evil) for evil in STORED)
    reasons = pipeline.rows("select reason, count(*) from fridge.rejected_readings group by 1")
    assert dict(reasons) == {"id with NUL or broken encoding": 1, "id too long": 2}
    stated = pipeline.rows("select tenant_id, value, status from fridge.meter_events")
    assert sorted(stated) == sorted((evil, 1, "accepted") for evil in STORED for _ in range(2))
    after = pipeline.rows("select relname from pg_class where relnamespace = 'fridge'::regnamespace order by 1")
    assert {name for name in tables if not name[0].startswith("stored_readings_")} <= set(after)
    for tenant in STORED[:9]:
        explained = run("explain", tenant, hour.key)
        assert (explained.returncode, "Traceback" in explained.stderr) == (0, False)


def test_file_names_that_are_commands_or_paths_are_names(pipeline: Pipeline, two_days_ago: datetime) -> None:
    hour = Hour(two_days_ago)
    names = [
        "'; drop table fridge.readings; --.csv",
        '"; --.csv',
        "%s%(path)s.csv",
        "{0}{path}.csv",
        "a..%2f..%2fetc%2fpasswd.csv",
        "a..\\..\\etc.csv",
        "a\nb.csv",
        "\u202evsc.csv",
        "-rf.csv",
        "$(reboot).csv",
        "a\udcffb.csv",  # a byte that is no UTF-8
        "x" * 251 + ".csv",
    ]
    for number, name in enumerate(names):
        pipeline.land(hour, name, as_csv([("t", f"s{number}")], hour))
    outside = pipeline.landing.parent / "outside.csv"
    outside.write_bytes(as_csv([("t", "stolen")], hour))

    (load,) = pipeline.load(hour)

    assert (load.inserted, load.unreadable, load.unfetched) == (len(names), 0, 0)
    paths = {path for (path,) in pipeline.rows("select path from fridge.landing_files")}
    assert paths == {storable_path(f"{hour.folder}/{name}") for name in names}
    assert pipeline.one("select count(*) from fridge.readings where sensor_id = 'stolen'") == 0


def test_a_landing_folder_that_is_a_link_is_not_followed(pipeline: Pipeline, two_days_ago: datetime) -> None:
    hour = Hour(two_days_ago)
    secret = pipeline.landing.parent / "secret"
    secret.mkdir()
    (secret / "a.csv").write_bytes(as_csv([("t", "stolen")], hour))
    folder = pipeline.landing / hour.folder
    folder.parent.mkdir(parents=True)
    folder.symlink_to(secret, target_is_directory=True)

    (load,) = pipeline.load(hour)

    assert load.inserted == 0
    assert "it is a symbolic link, which is not followed" in str(load.failure)
