"""Files that a source reads, loaded and counted; and sensors that wait for the register."""

from __future__ import annotations

import gzip
import hashlib
import json
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import datetime, timedelta
from io import BytesIO
from random import Random
from typing import TYPE_CHECKING, Any

import fastavro
import psycopg
import pytest

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.register_file import read_entries
from fridge_pipeline.catalogue.register_record import import_register
from fridge_pipeline.catalogue.table_file import TableRefusedError
from fridge_pipeline.corrections.settle import Decision, settle_exceptions
from fridge_pipeline.corrections.withdraw import withdraw_file
from fridge_pipeline.ingest import load_files
from fridge_pipeline.ingest.check_source import check_source
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.ingest.prepare import prepare
from fridge_pipeline.ingest.sources_file import read_sources
from fridge_pipeline.ingest.watch import find_landing_news
from fridge_pipeline.reason_terms import How
from tests.people import signed_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.pipeline import Pipeline

HOUR = Hour.from_key("2026-01-24-18:00")
BY_REGISTER = """
[[source]]
name = "uplinks"
match = "*/uplinks-*.ndjson"
tenant_id = { register = true }
sensor_id = { column = "ids.device" }
recorded_at = { column = "at" }
temperature = { column = "t", missing = [-127] }
"""


def by_register(pipeline: Pipeline) -> None:
    pipeline.zone = LocalLanding(str(pipeline.landing), read_sources(BY_REGISTER))


def uplinks(pipeline: Pipeline, name: str, *readings: tuple[str, int, float]) -> None:
    """Readings as (device, minute of the hour, degrees), in a folder of the gateway below the hour's."""
    lines = [
        json.dumps({"ids": {"device": device}, "at": f"{HOUR.start + timedelta(minutes=minute):%FT%TZ}", "t": value})
        for device, minute, value in readings
    ]
    path = pipeline.landing / HOUR.folder / "gw-7" / f"uplinks-{name}.ndjson"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines), encoding="utf-8")


def register(pipeline: Pipeline, *rows: str) -> int:
    entries = read_entries("\n".join(["sensor_id,tenant_id,valid_from", *rows]).encode())
    return import_register(pipeline.database, entries, "a test").files


def waiting(pipeline: Pipeline) -> list[str]:
    found = pipeline.rows(
        "select detail from fridge.open_exceptions where kind = 'sensors_unregistered' order by subject"
    )
    return [detail for (detail,) in found]


def test_rows_of_sensors_that_nobody_registered_wait_and_are_loaded_once_when_they_are(pipeline: Pipeline) -> None:
    by_register(pipeline)
    uplinks(pipeline, "1", ("s1", 1, 4.5), ("s2", 2, 4.5), ("s2", 3, -127), ("s3", 4, 999))
    register(pipeline, "s1,troy,2026-01-01T00:00:00Z")
    pipeline.load(HOUR)
    pipeline.count(HOUR)
    assert pipeline.usage() == {("troy", HOUR.key): (1, 1)}
    (told,) = waiting(pipeline)
    assert told.startswith("1 rows of 1 sensors wait")
    assert "s2 (1)" in told
    pipeline.load(HOUR)
    assert pipeline.one("select count(*) from fridge.landing_files") == 1

    assert register(pipeline, "s2,cohoes,2026-01-24T18:02:00Z") == 1
    for _ in range(2):
        pipeline.load(HOUR)
        pipeline.count(HOUR)
    assert pipeline.usage() == {("troy", HOUR.key): (1, 1), ("cohoes", HOUR.key): (1, 1)}
    assert waiting(pipeline) == []
    assert pipeline.rows(
        "select read_number, row_count, inserted_count, duplicate_count, rejected_count, source"
        " from fridge.landing_files order by read_number"
    ) == [(1, 4, 1, 0, 3, "uplinks"), (2, 4, 1, 1, 2, "uplinks")]


def test_a_file_that_only_a_source_could_read_is_told_so_and_read_once_there_is_one(pipeline: Pipeline) -> None:
    row = {"ids": {"device": "s1"}, "at": f"{HOUR.start + timedelta(minutes=1):%FT%TZ}", "t": 4.5}
    pipeline.land(HOUR, "uplinks-1.json", json.dumps([row]).encode())
    pipeline.load(HOUR)
    ((detail,),) = pipeline.rows("select detail from fridge.open_exceptions where kind = 'unreadable_file'")
    assert "Declare a source that reads it (fridge sources guess FILE), or ask for it" in detail
    register(pipeline, "s1,troy,2026-01-01T00:00:00Z")
    pipeline.clock.advance(seconds=1)
    declared = BY_REGISTER.replace("*/uplinks-*.ndjson", "uplinks-*.json")
    pipeline.zone = LocalLanding(str(pipeline.landing), read_sources(declared))
    pipeline.load(HOUR)
    pipeline.count(HOUR)
    assert pipeline.usage() == {("troy", HOUR.key): (1, 1)}
    assert pipeline.one("select count(*) from fridge.open_exceptions") == 0


def test_a_sensor_that_moves_is_billed_to_each_tenant_for_its_time_and_a_time_before_its_first_entry_waits(
    pipeline: Pipeline,
) -> None:
    by_register(pipeline)
    register(pipeline, "s1,troy,2026-01-24T18:10:00Z", "s1,cohoes,2026-01-24T18:30:00Z")
    uplinks(pipeline, "1", *(("s1", minute, 4.5) for minute in (9, 10, 29, 30, 59)))
    pipeline.load(HOUR)
    pipeline.count(HOUR)
    assert pipeline.usage() == {("troy", HOUR.key): (2, 1), ("cohoes", HOUR.key): (2, 1)}
    assert len(waiting(pipeline)) == 1
    assert register(pipeline, "s2,troy,2026-01-01") == 0
    assert register(pipeline, "s1,troy,2026-01-24T19:00:00Z") == 0


def test_an_entry_that_would_change_what_is_stored_is_refused_and_so_is_another_tenant_at_the_same_time(
    pipeline: Pipeline,
) -> None:
    by_register(pipeline)
    register(pipeline, "s1,troy,2026-01-01")
    uplinks(pipeline, "1", ("s1", 20, 4.5))
    pipeline.load(HOUR)
    with pytest.raises(TableRefusedError, match=r"readings of it are stored for troy from 2026-01-24T18:20:00Z on"):
        register(pipeline, "s1,cohoes,2026-01-24T18:20:00Z")
    with pytest.raises(TableRefusedError, match=r"belongs to troy from 2026-01-01T00:00:00Z on already"):
        register(pipeline, "s1,cohoes,2026-01-01")
    register(pipeline, "s1,cohoes,2026-01-24T18:21:00Z")
    assert pipeline.one("select count(*) from fridge.sensor_register") == 2


def test_the_database_refuses_an_entry_that_would_change_what_is_stored_by_whatever_way_it_comes(
    pipeline: Pipeline,
) -> None:
    by_register(pipeline)
    register(pipeline, "s1,troy,2026-01-01")
    uplinks(pipeline, "1", ("s1", 20, 4.5))
    pipeline.load(HOUR)
    person = signed_in(pipeline.database, "olga").person
    assert person is not None
    with person.connect() as connection:
        entry = (
            "insert into fridge.sensor_register (sensor_id, tenant_id, valid_from, reason) values ('s1', %s, %s, '')"
        )
        with pytest.raises(psycopg.errors.RestrictViolation, match="readings of it are stored for troy"):
            connection.execute(entry, ["cohoes", "2026-01-24T18:20:00Z"])
        connection.execute(entry, ["troy", "2026-01-24T18:10:00Z"])
        connection.execute(entry, ["cohoes", "2026-01-24T18:21:00Z"])


def test_a_sensor_whose_own_files_are_withdrawn_is_registered_for_the_past_and_counted_when_they_come_again(
    pipeline: Pipeline,
) -> None:
    """And of a file that another sensor shares, that other's readings are lost: the refusal says so."""
    by_register(pipeline)
    register(pipeline, "s1,troy,2026-01-01", "s2,troy,2026-01-01")
    uplinks(pipeline, "own", ("s1", 20, 4.5))
    uplinks(pipeline, "shared", ("s1", 21, 4.5), ("s2", 21, 4.5))
    pipeline.load(HOUR)
    with pytest.raises(TableRefusedError, match=r"where they hold no other sensor, whose .* would never count again"):
        register(pipeline, "s1,cohoes,2026-01-01T00:00:01Z")
    assert pipeline.zone is not None
    for name in ("own", "shared"):
        path = f"{HOUR.folder}/gw-7/uplinks-{name}.ndjson"
        withdraw_file(pipeline.database, pipeline.zone, path, "s1 was cohoes'", "Ada", pipeline.clock)
    register(pipeline, "s1,cohoes,2026-01-01T00:00:01Z")
    uplinks(pipeline, "own again", ("s1", 20, 4.5))
    uplinks(pipeline, "shared again", ("s1", 21, 4.5), ("s2", 21, 4.5))
    pipeline.load(HOUR)
    pipeline.count(HOUR)
    assert pipeline.usage() == {("cohoes", HOUR.key): (2, 1)}


def test_an_hour_does_not_wait_for_a_file_that_was_removed_before_it_could_be_read_again(pipeline: Pipeline) -> None:
    by_register(pipeline)
    uplinks(pipeline, "gone", ("s1", 1, 4.5))
    uplinks(pipeline, "there", ("s2", 2, 4.5))
    pipeline.load(HOUR)
    gone = pipeline.landing / HOUR.folder / "gw-7" / "uplinks-gone.ndjson"
    gone.rename(pipeline.landing / "kept")
    assert register(pipeline, "s1,troy,2026-01-01") == 1
    assert HOUR in find_news(pipeline)
    pipeline.load(HOUR)
    assert find_news(pipeline) == set()
    assert register(pipeline, "s3,troy,2026-01-01") == 0
    assert len(waiting(pipeline)) == 2

    (pipeline.landing / "kept").rename(gone)
    assert HOUR in find_news(pipeline)
    pipeline.load(HOUR)
    pipeline.count(HOUR)
    assert find_news(pipeline) == set()
    assert pipeline.usage() == {("troy", HOUR.key): (1, 1)}


def test_rows_that_waited_in_a_content_that_was_replaced_stay_told_and_count_once_it_is_back(
    pipeline: Pipeline,
) -> None:
    by_register(pipeline)
    waits, without = [("s1", 1, 4.5), ("s2", 2, 4.5)], [("s1", 1, 4.5)]
    register(pipeline, "s1,troy,2026-01-01")
    for content in (waits, without):
        uplinks(pipeline, "1", *content)
        pipeline.load(HOUR)
    (told,) = waiting(pipeline)
    assert told.startswith("1 rows of a content that was replaced wait")
    uplinks(pipeline, "1", *waits)
    pipeline.load(HOUR)
    (told,) = waiting(pipeline)
    assert told.startswith("1 rows of 1 sensors wait")
    assert register(pipeline, "s2,cohoes,2026-01-01") == 1
    pipeline.load(HOUR)
    pipeline.count(HOUR)
    assert waiting(pipeline) == []
    assert pipeline.usage() == {("troy", HOUR.key): (1, 1), ("cohoes", HOUR.key): (1, 1)}


def test_a_file_that_grew_after_its_sensors_were_registered_is_told_no_more(pipeline: Pipeline) -> None:
    by_register(pipeline)
    uplinks(pipeline, "1", ("s1", 1, 4.5))
    pipeline.load(HOUR)
    assert len(waiting(pipeline)) == 1
    register(pipeline, "s1,troy,2026-01-01")
    uplinks(pipeline, "1", ("s1", 1, 4.5), ("s1", 2, 4.5))
    pipeline.load(HOUR)
    assert waiting(pipeline) == []


def test_what_waited_and_was_settled_is_not_told_again_by_another_content(pipeline: Pipeline) -> None:
    by_register(pipeline)
    uplinks(pipeline, "1", ("s1", 1, 4.5))
    pipeline.load(HOUR)
    pipeline.rows("update fridge.exceptions set closed_at = opened_at returning 1")
    pipeline.clock.advance(seconds=1)
    uplinks(pipeline, "1", ("s2", 1, 4.5))
    pipeline.load(HOUR)
    (told,) = waiting(pipeline)
    assert "replaced" not in told
    register(pipeline, "s2,troy,2026-01-01")
    pipeline.load(HOUR)
    assert waiting(pipeline) == []


@pytest.mark.parametrize("how", [How.NO_LOSS, How.WRITTEN_OFF])
def test_rows_that_a_person_settled_are_not_billed_by_a_later_registration_and_whoever_registers_is_told(
    pipeline: Pipeline, how: How
) -> None:
    """A settlement is a decision; to take it back the file is delivered once more, under another name."""
    by_register(pipeline)
    uplinks(pipeline, "1", ("s1", 1, 4.5), ("s2", 2, 4.5))
    uplinks(pipeline, "2", ("s1", 3, 4.5))
    pipeline.load(HOUR)
    settle(pipeline, "uplinks-1", how)
    pipeline.clock.advance(seconds=1)

    entry = "s1,troy,2026-01-01"
    given = read_entries(f"sensor_id,tenant_id,valid_from\n{entry}\n".encode())
    told = import_register(pipeline.database, given, "a test")
    assert (told.files, told.settled_files, told.settled_rows) == (1, 1, 1)
    pipeline.load(HOUR)
    pipeline.count(HOUR)
    assert pipeline.usage() == {("troy", HOUR.key): (1, 1)}
    assert (waiting(pipeline), find_news(pipeline)) == ([], set())

    uplinks(pipeline, "1 after all", ("s1", 1, 4.5), ("s2", 2, 4.5))
    pipeline.load(HOUR)
    pipeline.count(HOUR)
    assert pipeline.usage() == {("troy", HOUR.key): (2, 1)}


def test_rows_that_came_after_a_settlement_under_the_same_name_wait_and_are_billed(pipeline: Pipeline) -> None:
    by_register(pipeline)
    uplinks(pipeline, "1", ("s1", 1, 4.5))
    pipeline.load(HOUR)
    settle(pipeline, "uplinks-1", How.NO_LOSS)
    pipeline.clock.advance(seconds=1)
    uplinks(pipeline, "1", ("s1", 1, 4.5), ("s1", 2, 4.5))
    pipeline.load(HOUR)
    assert len(waiting(pipeline)) == 1
    assert register(pipeline, "s1,troy,2026-01-01") == 1
    pipeline.load(HOUR)
    pipeline.count(HOUR)
    assert pipeline.usage() == {("troy", HOUR.key): (2, 1)}


@pytest.mark.parametrize("how", [How.NO_LOSS, How.WRITTEN_OFF])
def test_a_content_whose_rows_a_person_settled_is_not_billed_when_it_is_back_after_another_one(
    pipeline: Pipeline, how: How
) -> None:
    by_register(pipeline)
    first, other = [("s1", 1, 4.5), ("s2", 2, 4.5)], [("s1", 3, 4.5)]
    register(pipeline, "s1,troy,2026-01-01")
    uplinks(pipeline, "1", *first)
    pipeline.load(HOUR)
    settle(pipeline, "uplinks-1", how)
    pipeline.clock.advance(seconds=1)
    uplinks(pipeline, "1", *other)
    pipeline.load(HOUR)
    register(pipeline, "s2,cohoes,2026-01-01")
    uplinks(pipeline, "1", *first)
    for _ in range(2):
        pipeline.load(HOUR)
        pipeline.count(HOUR)
    assert pipeline.usage() == {("troy", HOUR.key): (2, 1)}
    assert find_news(pipeline) == set()


def test_a_file_that_waits_and_is_renamed_is_told_no_more_once_its_rows_are_billed_under_the_new_name(
    pipeline: Pipeline,
) -> None:
    """One of another content goes on waiting."""
    by_register(pipeline)
    uplinks(pipeline, "1", ("s1", 1, 4.5))
    uplinks(pipeline, "other", ("s1", 2, 4.5), ("s2", 2, 4.5))
    pipeline.load(HOUR)
    assert len(waiting(pipeline)) == 2
    folder = pipeline.landing / HOUR.folder / "gw-7"
    (folder / "uplinks-1.ndjson").rename(folder / "uplinks-2.ndjson")
    pipeline.clock.advance(seconds=1)
    register(pipeline, "s1,troy,2026-01-01")
    for _ in range(2):
        pipeline.load(HOUR)
        pipeline.count(HOUR)
    assert pipeline.usage() == {("troy", HOUR.key): (2, 1)}
    (told,) = waiting(pipeline)
    assert "s2 (1)" in told
    assert find_news(pipeline) == set()


def test_a_file_whose_name_says_the_sensor_goes_on_waiting_when_the_same_content_comes_under_another_name(
    pipeline: Pipeline,
) -> None:
    sensor = "sensor_id = { path = 'uplinks-(?P<sensor_id>[^.]+)' }"
    named = BY_REGISTER.replace('sensor_id = { column = "ids.device" }', sensor)
    pipeline.zone = LocalLanding(str(pipeline.landing), read_sources(named))
    uplinks(pipeline, "s1", ("any", 1, 4.5))
    pipeline.load(HOUR)
    register(pipeline, "s2,troy,2026-01-01")
    uplinks(pipeline, "s2", ("any", 1, 4.5))
    pipeline.load(HOUR)
    assert len(waiting(pipeline)) == 1


def settle(pipeline: Pipeline, name: str, how: How) -> None:
    """Ends what is open about a file's sensors, as a person decides."""
    (exception_id,) = pipeline.rows(
        "select exception_id from fridge.open_exceptions where kind = 'sensors_unregistered' and subject like %s",
        f"%{name}.ndjson",
    )[0]
    settle_exceptions(pipeline.as_run(), [exception_id], Decision(how, "a test bench"))


def test_what_waits_in_a_file_that_is_withdrawn_is_told_no_more(pipeline: Pipeline) -> None:
    """It is never read again, so to register its sensors brings nothing."""
    by_register(pipeline)
    register(pipeline, "s1,troy,2026-01-01")
    uplinks(pipeline, "1", ("s1", 1, 4.5), ("s2", 2, 4.5))
    pipeline.load(HOUR)
    assert len(waiting(pipeline)) == 1
    assert pipeline.zone is not None
    path = f"{HOUR.folder}/gw-7/uplinks-1.ndjson"
    withdraw_file(pipeline.database, pipeline.zone, path, "a test bench", "Ada", pipeline.clock)
    assert waiting(pipeline) == []


def test_a_withdrawn_content_that_is_back_is_not_read_again(pipeline: Pipeline) -> None:
    by_register(pipeline)
    register(pipeline, "s1,troy,2026-01-01")
    uplinks(pipeline, "1", ("s1", 1, 4.5), ("s2", 2, 4.5))
    pipeline.load(HOUR)
    assert pipeline.zone is not None
    path = f"{HOUR.folder}/gw-7/uplinks-1.ndjson"
    withdraw_file(pipeline.database, pipeline.zone, path, "a test bench", "Ada", pipeline.clock)
    register(pipeline, "s2,troy,2026-01-01")
    for content in ([("s1", 3, 4.5)], [("s1", 1, 4.5), ("s2", 2, 4.5)]):
        uplinks(pipeline, "1", *content)
        pipeline.load(HOUR)
    pipeline.count(HOUR)
    assert pipeline.usage() == {("troy", HOUR.key): (1, 1)}


@pytest.mark.parametrize(("was", "now"), [('"at"', '"at", timezone = "Europe/Berlin"'), ("ids.device", "ids.other")])
def test_readings_count_once_where_a_file_is_read_again_for_its_sensors_after_the_sources_were_changed(
    pipeline: Pipeline, was: str, now: str
) -> None:
    """What a content stored and what waited of it are read by the same definition."""
    by_register(pipeline)
    register(pipeline, "s1,troy,2026-01-01")
    line = '{{"ids": {{"device": "{}"}}, "at": "2026-01-24T18:05:00", "t": 4.5}}'
    pipeline.land(HOUR, "gw-7/uplinks-1.ndjson", "\n".join(map(line.format, ("s1", "s2"))).encode())
    pipeline.load(HOUR)
    pipeline.zone = LocalLanding(str(pipeline.landing), read_sources(BY_REGISTER.replace(was, now)))
    pipeline.clock.advance(seconds=1)
    register(pipeline, "s2,cohoes,2026-01-01")
    for _ in range(2):
        pipeline.load(HOUR)
        pipeline.count(HOUR)
    assert pipeline.usage() == {("troy", HOUR.key): (1, 1), ("cohoes", HOUR.key): (1, 1)}
    assert waiting(pipeline) == []


def find_news(pipeline: Pipeline) -> set[Hour]:
    assert pipeline.zone is not None
    with pipeline.database.connect() as connection:
        return set(find_landing_news(connection, pipeline.zone, HourRange(HOUR, HOUR)).pending)


def test_an_import_of_the_register_waits_for_what_is_being_loaded_by_it_and_is_judged_by_that(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = add_while_loading(pipeline, monkeypatch, register)
    with pytest.raises(TableRefusedError, match=r"readings of it are stored for troy"):
        added.result()


@pytest.mark.parametrize("is_import", [True, False])
def test_so_does_an_entry_of_a_person_imported_or_by_hand(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, *, is_import: bool
) -> None:
    signed_in(pipeline.database, "olga")

    def add(pipeline: Pipeline, row: str) -> int:
        database = signed_in(pipeline.database, "olga")
        if is_import:
            return register(replace(pipeline, database=database), row)
        assert database.person is not None
        with database.person.connect() as connection:
            values = [*row.split(","), "by hand"]
            connection.execute(
                "insert into fridge.sensor_register (sensor_id, tenant_id, valid_from, reason) values (%s, %s, %s, %s)",
                values,
            )
        return 1

    added = add_while_loading(pipeline, monkeypatch, add)
    refused = (TableRefusedError, psycopg.errors.RestrictViolation)
    with pytest.raises(refused, match="readings of it are stored for troy"):
        added.result()


def add_while_loading(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, add: Callable[[Pipeline, str], int]
) -> Future[int]:
    """Hands a sensor on to another tenant, for a time of which a reading of it is being stored for the first."""
    by_register(pipeline)
    register(pipeline, "s1,troy,2026-01-01")
    uplinks(pipeline, "1", ("s1", 20, 4.5))
    with ThreadPoolExecutor(1) as beside:
        added: list[Future[int]] = []

        def prepare_meanwhile(*arguments: Any) -> Any:  # whatever the load hands on
            added.append(beside.submit(add, pipeline, "s1,cohoes,2026-01-24T18:20:00Z"))
            wait(added, timeout=1)
            return prepare(*arguments)

        monkeypatch.setattr(load_files, "prepare", prepare_meanwhile)
        pipeline.load(HOUR)
    return added[0]


def test_counts_are_the_same_under_any_order_of_files_and_register_entries(pipeline: Pipeline) -> None:
    """Whatever comes first: each reading is counted once, for the tenant that has the sensor at its time."""
    by_register(pipeline)
    random = Random(19)  # noqa: S311  # a repeatable order, not a secret
    entries = [
        (f"s{sensor}", f"t{random.randrange(3)}", HOUR.start + timedelta(minutes=minute))
        for sensor in range(4)
        for minute in sorted(random.sample(range(0, 60, 5), 2))
    ]
    sent = [(f"s{random.randrange(4)}", random.randrange(60), 4.5) for _ in range(60)]
    steps: list[object] = [
        *entries,
        *[sent[at : at + 12] for at in range(0, 60, 12)],
        *[sent[at : at + 20] for at in (0, 20, 40)],
    ]
    random.shuffle(steps)
    for number, step in enumerate(steps):
        if isinstance(step, tuple):
            try:
                register(pipeline, f"{step[0]},{step[1]},{step[2]:%Y-%m-%dT%H:%M:%SZ}")
            except TableRefusedError:
                entries.remove(step)  # another tenant's readings are stored from that time on
        else:
            uplinks(pipeline, str(number), *step)  # type: ignore[misc]
        if random.random() < 0.7:
            pipeline.load(HOUR)
    pipeline.load(HOUR)
    pipeline.count(HOUR)
    expected: dict[tuple[str, str], set[tuple[str, datetime]]] = {}
    for sensor, minute, _ in sent:
        at = HOUR.start + timedelta(minutes=minute)
        before = [entry for entry in entries if entry[0] == sensor and entry[2] <= at]
        if before:
            tenant = max(before, key=lambda entry: entry[2])[1]
            expected.setdefault((tenant, HOUR.key), set()).add((sensor, at))
    assert pipeline.usage() == {
        key: (len(readings), len({sensor for sensor, _ in readings})) for key, readings in expected.items()
    }
    files = pipeline.rows(
        "select row_count, inserted_count + duplicate_count + rejected_count from fridge.landing_files"
    )
    assert all(rows == told for rows, told in files)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("s1,troy", "line 2: has 2 cells, and the header has 3"),
        (",troy,2026-01-01", "line 2: has no sensor_id"),
        ("s1,,2026-01-01", "line 2: has no tenant_id"),
        (
            "s1,troy,yesterday",
            "line 2: valid_from is a time in ISO 8601, such as 2026-01-24T18:00:00Z, got 'yesterday'",
        ),
        ("s1,troy,9999-12-31T23:59:59-12:00", "line 2: valid_from is a time in ISO 8601"),
        ("s1,troy,0001-01-01T00:00:00+12:00", "line 2: valid_from is a time in ISO 8601"),
        ("s\u200b1,troy,2026-01-01", "line 2: sensor_id 's\\\\u200b1' holds a character that cannot be seen"),
    ],
)
def test_a_register_file_is_refused_by_line(row: str, told: str) -> None:
    with pytest.raises(TableRefusedError, match=told):
        read_entries(f"sensor_id,tenant_id,valid_from\n{row}\n".encode())


@pytest.mark.parametrize("kind", ["csv.gz", "ndjson.gz", "json", "avro"])
def test_what_came_before_a_damage_is_loaded_of_a_file_that_a_source_reads(kind: str, pipeline: Pipeline) -> None:
    """Of a file cut off in its transfer no row was loaded, though ``fridge sources check`` shows thousands."""
    definition = BY_REGISTER.replace("register = true", 'value = "troy"').replace("ndjson", kind).replace("ids.", "")
    pipeline.zone = LocalLanding(str(pipeline.landing), read_sources(definition))
    # Ids that do not pack well, so that the place of the damage is that of a row.
    ids = [hashlib.sha256(bytes([number % 256, number // 256])).hexdigest() for number in range(2_000)]
    rows = [{"device": device, "at": f"{HOUR.start:%FT%TZ}", "t": "4.5"} for device in ids]
    path = pipeline.landing / HOUR.folder / "gw-7" / f"uplinks-1.{kind}"
    path.parent.mkdir(parents=True)
    fields = [{"name": name, "type": "string"} for name in rows[0]]
    avro = BytesIO()
    fastavro.writer(avro, {"type": "record", "name": "r", "fields": fields}, rows, sync_interval=1_000)
    content = {
        "csv.gz": gzip.compress("\n".join(["device,at,t", *(",".join(each.values()) for each in rows)]).encode()),
        "ndjson.gz": gzip.compress("\n".join(map(json.dumps, rows)).encode()),
        "json": json.dumps(rows).encode(),
        "avro": avro.getvalue(),
    }[kind]
    path.write_bytes(content[: len(content) * 2 // 3])
    pipeline.load(HOUR)
    (source,) = read_sources(definition)
    found = check_source(path, f"gw-7/{path.name}", source, HOUR)
    assert 500 < found.readings < 2_000
    (loaded,) = pipeline.rows("select row_count, inserted_count from fridge.landing_files")
    assert loaded == (found.rows, found.readings)
