"""``fridge settle``: what it prints, what it refuses, and that the next run neither bills nor asks again."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from fridge_pipeline.calendar.hours import Hour
from tests.console_script import Run
from tests.pipeline import Pipeline, readings


def test_settle_ends_an_exception_on_record_and_says_so_and_refuses_what_ends_by_itself(
    run: Run, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour.containing(pipeline.clock.now - timedelta(days=40))
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 2, 5))
    pipeline.run(hour)
    ((readings_id,), (sensors_id,)) = pipeline.rows(
        "select exception_id from fridge.open_exceptions order by subject desc"
    )
    lacking = run("settle", str(readings_id), "--how", "invoiced_by_hand", "--reason", "by mail")
    assert (lacking.returncode, "needs the document that did it" in lacking.stderr) == (1, True)
    done = run("settle", str(readings_id), "--how", "invoiced_by_hand", "--document", "ii_1", "--reason", "by mail")
    assert (done.returncode, done.stderr) == (0, "")
    what = f"10 temperature_readings of cohoes in {hour} settled as invoiced_by_hand (settlement 1)"
    assert done.stdout == f"exception {readings_id}: {what}\n"
    told = json.loads(run("settle", str(sensors_id), "--how", "written_off", "--reason", "small", "--json").stdout)
    assert [(each["how"], each["quantity"], each["waits_for_approval"]) for each in told] == [("written_off", 2, False)]
    assert run("settle", str(readings_id)).returncode == 2
    assert pipeline.rows("select document, reason, settled_by = session_user from fridge.settlements order by 1") == [
        ("ii_1", "by mail", True),
        (None, "small", True),
    ]
    pipeline.run(hour)
    assert pipeline.rows("select kind from fridge.open_exceptions") == []
    with pipeline.database.connect() as connection:
        connection.execute(
            "insert into fridge.exceptions (kind, tenant_id, hour, subject, detail, opened_at)"
            " values ('held_for_review', 'cohoes', %s, 'temperature_readings', 'd', now())",
            [two_days_ago],
        )
    held = run("settle", "3", "--how", "written_off", "--reason", "x")
    assert (held.returncode, "fridge release or fridge withdraw" in held.stderr) == (1, True)
