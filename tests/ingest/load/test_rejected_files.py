"""A file of which much is rejected is told: with reasons, counts, an example and a deadline, until it comes right."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.corrections.withdraw import withdraw_file
from fridge_pipeline.database.queries import statement
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.ingest.landing_record import quiet_sources, unusable_of_hours
from fridge_pipeline.ingest.rules.reading import Reason
from fridge_pipeline.ingest.sources_file import read_sources
from tests.pipeline import Pipeline, readings

HEADER = "tenant_id,sensor_id,recorded_at,temperature_c\n"
OPEN = "select subject, detail from fridge.exceptions where kind = 'rows_rejected' and closed_at is null"

#: A row (of csv, or for JSON's own reasons of ndjson) that is rejected for each reason; TIME stands for a good time.
ROWS = {
    Reason.WRONG_FIELD_COUNT: "cold-one,s1,TIME,4,2",
    Reason.BROKEN_QUOTES: 'cold-one,s1,TIME,"4.2',
    Reason.NOT_A_JSON_OBJECT: "[1, 2]",
    Reason.ID_NOT_TEXT: '{"tenant_id": "cold-one", "sensor_id": [1], "recorded_at": "TIME", "temperature_c": 4.2}',
    Reason.MISSING_TENANT_ID: " ,s1,TIME,4.2",
    Reason.MISSING_SENSOR_ID: "cold-one,,TIME,4.2",
    Reason.MISSING_RECORDED_AT: "cold-one,s1,,4.2",
    Reason.MISSING_TEMPERATURE: "cold-one,s1,TIME,",
    Reason.UNREADABLE_TEMPERATURE: 'cold-one,s1,TIME,"4,2"',
    Reason.TEMPERATURE_NOT_FINITE: "cold-one,s1,TIME,nan",
    Reason.TEMPERATURE_OUT_OF_RANGE: "cold-one,s1,TIME,277.4",
    Reason.UNREADABLE_TIME: "cold-one,s1,1795781100,4.2",
    Reason.TIME_TOO_LATE: "cold-one,s1,2062-01-01T00:05:00Z,4.2",
    Reason.TIME_TOO_OLD: "cold-one,s1,1970-01-01T00:05:00Z,4.2",
    Reason.TIME_NOT_KEPT: "cold-one,s1,OLD,4.2",
    Reason.ID_TOO_LONG: f"cold-one,{'s' * 501},TIME,4.2",
    Reason.ID_BROKEN: "cold-one,s\0,TIME,4.2",
}


def told(pipeline: Pipeline) -> dict[str, str]:
    """The name of a file → what its open exception says."""
    return {path.rpartition("/")[2]: detail for path, detail in pipeline.rows(OPEN)}


def rows(hour: Hour, good: int, bad: int, tenant: str = "cold-one") -> str:
    """A csv of good rows, and bad ones behind them whose time is in epoch seconds."""
    lines = [f"{tenant},s{each},{hour.start:%Y-%m-%dT%H:%M:%SZ},4.2" for each in range(good)]
    lines += [f"{tenant},bad{each},{hour.start.timestamp():.0f},4.2" for each in range(bad)]
    return "\n".join(lines) + "\n"


@pytest.fixture
def hour(two_days_ago: datetime) -> Hour:
    return Hour(two_days_ago)


def test_a_file_whose_only_row_is_rejected_is_told_whatever_the_reason(pipeline: Pipeline, hour: Hour) -> None:
    """But for a line of over 4 MiB, and for the row that is cut off by a damage, which is told already.

    What only a source finds, the tests of sources show.
    """
    of_sources = {
        Reason.NO_MEASUREMENT,
        Reason.AMBIGUOUS_LOCAL_TIME,
        Reason.IMPOSSIBLE_LOCAL_TIME,
        Reason.NOT_REGISTERED,
        Reason.COLUMNS_REFUSED,
        Reason.OTHER_MEASURE,
        Reason.UNREADABLE_NUMBER,
        Reason.NUMBER_OUT_OF_RANGE,
        Reason.NUMBER_NOT_WHOLE,
    }
    assert ROWS.keys() | {Reason.LINE_TOO_LONG, Reason.CUT_OFF} | of_sources == set(Reason)
    dropped = (hour.start - timedelta(days=70)).replace(day=1, hour=0)
    with pipeline.database.owned.connect() as connection:
        connection.execute(
            "insert into fridge.dropped_months (month, size_bytes, dropped_by, dropped_at) values (%s, 0, 'ada', %s)",
            [dropped, pipeline.clock()],
        )
    for number, row in enumerate(ROWS.values()):
        empty = '{"tenant_id": "", "sensor_id": "s1", "recorded_at": "TIME", "temperature_c": 4.2}\n'
        text = ((empty if row.startswith("[") else "") + row).replace("TIME", f"{hour.start:%Y-%m-%dT%H:%M:%SZ}")
        text = text.replace("OLD", f"{dropped:%Y-%m-%dT%H:%M:%SZ}")
        is_json = row.startswith(("{", "["))
        name = f"{number}.ndjson" if is_json else f"{number}.csv"
        pipeline.land(hour, name, f"{'' if is_json else HEADER}{text}\n".encode())
    (load,) = pipeline.load(hour)
    assert load.rejected == load.rows
    details = told(pipeline)
    assert len(details) == len(ROWS)
    for number, reason in enumerate(ROWS):
        (detail,) = (detail for name, detail in details.items() if name.startswith(f"{number}."))
        assert f"1 {reason.value}" in detail


def test_a_row_in_ten_is_a_stray_row_and_more_than_that_is_told(pipeline: Pipeline, hour: Hour) -> None:
    for good, bad in ((9, 1), (8, 1), (4, 1), (90, 10), (89, 11), (0, 1)):
        pipeline.land(hour, f"{bad} of {good + bad}.csv", (HEADER + rows(hour, good, bad)).encode())
    pipeline.load(hour)
    assert sorted(told(pipeline)) == ["1 of 1.csv", "1 of 5.csv", "1 of 9.csv", "11 of 100.csv"]


def test_what_is_told_has_counts_share_cause_first_line_and_deadline(pipeline: Pipeline, hour: Hour) -> None:
    pipeline.land(hour, "a.csv", (HEADER + rows(hour, 5, 3) + "cold-one,s9,,4.2\n").encode())
    pipeline.load(hour)
    (detail,) = told(pipeline).values()
    epoch = f"{hour.start.timestamp():.0f}"
    assert detail == (
        "4 of 9 rows are rejected and not counted, 44 % of them; 3 unreadable time, which looks like epoch seconds "
        f"(since 1970) (first in line 7: cold-one,bad0,{epoch},4.2); 1 missing recorded_at (first in line 10: "
        "cold-one,s9,,4.2)"
    )
    (row,) = pipeline.rows("select tenant_id, hour, deadline_at from fridge.exceptions where kind = 'rows_rejected'")
    assert row[:2] == (None, hour.start)
    assert timedelta(days=34) < row[2] - hour.start < timedelta(days=36)


def test_a_tenant_that_is_lost_in_a_good_file_is_told_by_name_and_one_bad_sensor_is_not(
    pipeline: Pipeline, hour: Hour
) -> None:
    good = HEADER + rows(hour, 100, 0)
    pipeline.land(hour, "lost.csv", (good + rows(hour, 0, 2, "warm-one") + rows(hour, 1, 1, "half")).encode())
    pipeline.land(hour, "nobodys.csv", (good + rows(hour, 0, 2, "")).encode())
    pipeline.load(hour)
    ((name, detail),) = told(pipeline).items()
    assert name == "lost.csv"
    assert detail.startswith("3 of 104 rows are rejected and not counted, 3 % of them; 3 unreadable time")
    assert detail.endswith("; the loss of tenants: warm-one 2 of 2")


def test_it_closes_when_the_file_comes_right_and_says_what_is_so_now_while_it_does_not(
    pipeline: Pipeline, hour: Hour
) -> None:
    details = []
    for good, bad in ((0, 5), (1, 4), (30, 1)):
        pipeline.land(hour, "a.csv", (HEADER + rows(hour, good, bad)).encode())
        pipeline.load(hour)
        details.append([detail[:11] for detail in told(pipeline).values()])
    assert details == [["5 of 5 rows"], ["4 of 5 rows"], []]
    assert pipeline.one("select count(*) from fridge.exceptions") == 1


def test_it_closes_when_the_file_is_withdrawn_and_stays_closed_when_a_person_closed_it(
    pipeline: Pipeline, hour: Hour
) -> None:
    for name in ("a.csv", "b.csv"):
        pipeline.land(hour, name, (HEADER + rows(hour, 1, 4)).encode())
    pipeline.load(hour)
    path = f"{hour.folder}/a.csv"
    withdraw_file(pipeline.database, LocalLanding(pipeline.landing), path, "a test bench", "ada", pipeline.clock)
    assert list(told(pipeline)) == ["b.csv"]
    with pipeline.database.connect() as connection:
        connection.execute("update fridge.exceptions set closed_at = opened_at where closed_at is null")
    pipeline.land(hour, "c.csv", readings("cold-one", hour, 1, 1))
    pipeline.load(hour)
    assert told(pipeline) == {}


def test_each_of_many_files_loaded_at_once_has_its_own_numbers(pipeline: Pipeline, hour: Hour) -> None:
    for number in range(60):
        pipeline.land(hour, f"{number}.csv", (HEADER + rows(hour, number % 2 * 50, number)).encode())
    pipeline.load(hour)
    expected = {f"{number}.csv": number for number in range(60) if number > (number % 2 * 50 + number) / 10}
    assert {name: int(detail.split()[0]) for name, detail in told(pipeline).items()} == expected


def test_nothing_told_is_long_and_no_key_in_it_is_shown(pipeline: Pipeline, hour: Hour) -> None:
    key = "sk_live_" + "a1" * 20
    wide = f"cold-one,s1,{key},4.2,{'x' * 100_000}"
    others = "".join(rows(hour, 0, 1, f"tenant {number} {'y' * 400}") for number in range(50))
    pipeline.land(hour, "a.csv", (HEADER.strip() + ",more\n" + wide + "\n" + others.replace(",4.2", ",4.2,")).encode())
    pipeline.load(hour)
    (detail,) = told(pipeline).values()
    assert "cold-one,s1,sk_live_…,4.2" in detail
    assert key not in detail
    assert "and 46 more" in detail
    assert len(detail) < 2_000


def test_the_row_that_a_damage_cuts_off_is_told_as_a_damage_only(pipeline: Pipeline, hour: Hour) -> None:
    whole = pipeline.land(hour, "a.csv.gz", readings("cold-one", hour, 1, 3))
    whole.write_bytes(whole.read_bytes()[:-12])
    pipeline.load(hour)
    kinds = pipeline.rows("select kind, count(*) from fridge.exceptions where closed_at is null group by kind")
    assert kinds == [("unreadable_file", 1)]


def test_a_file_keeps_its_first_10_000_rejected_rows_and_counts_all_by_reason_as_exception_and_pack_do(
    pipeline: Pipeline, hour: Hour
) -> None:
    """Of 10,000 tenants by name: each bad row is another's. Its neighbour keeps a row of its own."""
    bad = "".join(f"t{each},s1,{hour.start.timestamp():.0f},4.2\n" for each in range(10_003))
    pipeline.land(hour, "a.csv", (HEADER + rows(hour, 2, 0) + bad + "t1,s1,,4.2\n" * 4).encode())
    pipeline.land(hour, "b.csv", (HEADER + rows(hour, 0, 1)).encode())
    pipeline.load(hour)
    of_file = "from fridge.{} where path like '%%/a.csv'"
    assert pipeline.rows(f"select count(*), min(line), max(line) {of_file.format('rejected_readings')}") == [
        (10_000, 4, 10_003)
    ]
    by_reason = [(Reason.MISSING_RECORDED_AT, 4), (Reason.UNREADABLE_TIME, 10_003)]
    summed = f"select reason, sum(row_count)::int {of_file.format('rejected_rows')} group by 1 order by 1"
    assert pipeline.rows(summed) == by_reason
    counts = "row_count::int, inserted_count::int, duplicate_count::int, rejected_count::int"
    assert pipeline.rows(f"select {counts} {of_file.format('landing_files')}") == [(10_009, 2, 0, 10_007)]
    named = (
        "select count(*), sum(rejected_count) filter (where tenant_id is null)::int"
        f" from fridge.landing_file_tenants where file_id = (select file_id {of_file.format('landing_files')})"
    )
    assert pipeline.rows(named) == [(10_002, 3)]
    detail = told(pipeline)["a.csv"]
    assert detail.startswith("10007 of 10009 rows are rejected and not counted, 99 % of them; 10003 unreadable time")
    assert "; the first 10000 rejected rows are kept one by one, the other 7 by reason only; the loss of" in detail
    with pipeline.database.connect() as books:
        ever = {"start": hour.start, "end": hour.end, "after": "-infinity", "until": "infinity"}
        pack = books.execute(statement("evidence_rejected_readings"), ever).fetchall()
        unusable = unusable_of_hours(books, HourRange(hour, hour), 10)
    assert sorted((path[-5:], reason, count) for _, path, _, reason, count in pack) == [
        *(("a.csv", *each) for each in by_reason),
        ("b.csv", Reason.UNREADABLE_TIME, 1),
    ]
    assert [each.rejected_rows for each in unusable] == [10_003, 4, 1]


def test_a_file_that_keeps_not_all_its_rejected_rows_is_told_however_few_of_its_rows_they_are(
    pipeline: Pipeline, hour: Hour
) -> None:
    for bad in (10_000, 10_001):
        pipeline.land(hour, f"{bad}.csv", (HEADER + rows(hour, 10 * bad, bad)).encode())
    pipeline.load(hour)
    assert list(told(pipeline)) == ["10001.csv"]


BY_METRIC = """
[[source]]
name = "metrics"
match = "*.csv"
tenant_id = { column = "tenant_id" }
sensor_id = { column = "sensor_id" }
recorded_at = { column = "recorded_at" }
temperature = { column = "temperature_c" }
where = { metric = "temperature" }
"""


def measured(hour: Hour, **rows_of: int) -> str:
    """A csv with so many temperatures, such ones with an unreadable time, and humidities, of one tenant."""
    time = f"{hour.start:%FT%TZ}"
    kinds = {"good": ("temperature", time), "bad": ("temperature", "yesterday"), "other": ("humidity", time)}
    lines = [
        f"cold-one,{name}{each},{kinds[name][1]},4.2,{kinds[name][0]}"
        for name, count in rows_of.items()
        for each in range(count)
    ]
    return "\n".join(["tenant_id,sensor_id,recorded_at,temperature_c,metric", *lines])


def test_rows_of_another_measure_neither_hide_a_loss_nor_are_one(pipeline: Pipeline, hour: Hour) -> None:
    pipeline.zone = LocalLanding(str(pipeline.landing), read_sources(BY_METRIC))
    pipeline.land(hour, "hidden.csv", measured(hour, good=20, bad=4, other=976).encode())
    pipeline.land(hour, "stray.csv", measured(hour, good=20, bad=1, other=79).encode())
    pipeline.load(hour)
    found = told(pipeline)
    assert found.keys() == {"hidden.csv"}
    assert found["hidden.csv"].startswith("4 of 24 rows are rejected and not counted, 17 % of them; 4 unreadable time")
    assert "the loss of tenants" not in found["hidden.csv"]
    counts = "select row_count, rejected_count from fridge.landing_files order by path"
    assert pipeline.rows(counts) == [(1000, 980), (100, 80)]


def test_a_source_whose_rows_are_all_of_another_measure_since_yesterday_is_told_by_doctor(
    pipeline: Pipeline, hour: Hour
) -> None:
    """The word for a temperature was changed: every row is left out, and not one file is wrong by itself."""
    pipeline.zone = LocalLanding(str(pipeline.landing), read_sources(BY_METRIC))
    today = Hour.containing(pipeline.clock()).plus(-2)
    pipeline.land(hour, "before.csv", measured(hour, good=2, other=2).encode())
    pipeline.land(today, "since.csv", measured(today, other=20).encode())
    pipeline.load(hour, today)
    assert told(pipeline) == {}
    with pipeline.database.connect() as connection:
        assert quiet_sources(connection, pipeline.clock()) == {"metrics": 20}
    pipeline.land(today, "good.csv", measured(today, good=1).encode())
    pipeline.load(today)
    with pipeline.database.connect() as connection:
        assert quiet_sources(connection, pipeline.clock()) == {}
