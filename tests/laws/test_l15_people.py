"""Law L15: an act of a person says who did it, as the database knows it, and when, by its clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from fridge_pipeline.billing.decisions_record import Subject, decide, keep_settings, variance_now
from fridge_pipeline.billing.review import release_usage
from fridge_pipeline.calendar.days import Month
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.meter import CATALOGUE, Variance
from fridge_pipeline.catalogue.tenant import Tenant
from fridge_pipeline.catalogue.tenant_record import import_tenants
from fridge_pipeline.corrections.withdraw import withdraw_file
from fridge_pipeline.database.connection import Database, NotEntitledError, SystemUser
from fridge_pipeline.database.people_record import PersonRefusedError, Role, add_person, people, remove_person
from fridge_pipeline.finance.close_month import MonthStateError, SamePersonError, approve_month, sign_month
from fridge_pipeline.finance.rules.signoff import Action, Signoff
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.installation import system_user
from tests.people import PASSWORD, signed_in
from tests.pipeline import CLOSE_AFTER, Pipeline, readings

JANUARY, FEBRUARY = Month.from_key("2026-01"), Month.from_key("2026-02")
AT = datetime(2026, 3, 2, tzinfo=UTC)
REASONED = {Action.ASK_TO_REOPEN, Action.REOPEN}
REFUSED = (psycopg.errors.InsufficientPrivilege, psycopg.errors.RestrictViolation)

FORGED = """
    insert into fridge.month_signoffs (
        month, action, signed_by, control_totals, signed_at, acted_by, acted_at, os_user, os_host
    ) values (
        '2026-01-01', 'prepare', 'Grace', '{}', '2026-02-02', 'grace', '2026-01-31', 'grace', 'elsewhere'
    )
"""
STAMP = "select acted_by, os_user, os_host, acted_at from fridge.month_signoffs"


def sign(database: Database, login: str, action: Action, month: Month = JANUARY, label: str = "Ada Lovelace") -> None:
    totals: dict[str, object] | None = {"meters": {}} if action is Action.PREPARE else None
    signoff = Signoff(action, label, AT, totals, "late file" if action in REASONED else None)
    with database.connect() as connection:
        sign_month(signed_in(database, login), connection, month, signoff)


def close(database: Database, month: Month) -> None:
    sign(database, "ada", Action.PREPARE, month)
    sign(database, "grace", Action.APPROVE, month)


def is_closed(database: Database) -> bool:
    with database.connect() as connection:
        return connection.execute("select fridge.month_is_closed(%s)", [JANUARY.start]).fetchone() == (True,)


def as_person(database: Database, login: str) -> Database:
    person = signed_in(database, login).person
    assert person is not None
    return person


def test_l15_an_act_is_stamped_by_the_database_whatever_the_row_says(database: Database) -> None:
    strange = SystemUser("ada of \\sales ", "cash\tdesk 1")
    with as_person(replace(database, system_user=strange), "ada").connect() as connection:
        connection.execute(FORGED)
    with database.connect() as connection:
        (*who, when) = connection.execute(STAMP).fetchone() or ()
    assert who == ["ada", "ada of \\sales ", "cash\tdesk 1"]
    assert abs(when - datetime.now(UTC)) < timedelta(minutes=1)


#: Rows that stay for ever and that the program could not read: each would stop whatever comes across it.
RELEASE = "releases (tenant_id, value, released_by, reason, hour, released_at) values ('t', 1, 'o', 'x',"
REGISTER = "sensor_register (sensor_id, tenant_id, reason, valid_from) values ('s', 't', 'x',"
UNREADABLE = (
    ("olga", f"{REGISTER} 'infinity')"),
    ("olga", f"{REGISTER} '0044-03-15 BC')"),
    ("olga", f"{RELEASE} 'infinity', now())"),
    ("olga", f"{RELEASE} now(), '-infinity')"),
    ("olga", "withdrawals (file_id, reason, withdrawn_by, withdrawn_at) values (1, 'x', 'o', 'infinity')"),
    ("olga", "decisions (subject, setting, reason) values ('variance', 'none', 'x')"),
    ("olga", "tenants (tenant_id, created_at) values ('t', 'infinity')"),
    ("ada", "month_signoffs (month, action, signed_by, signed_at) values ('-infinity', 'prepare', 'a', now())"),
    ("ada", "month_signoffs (month, action, signed_by, signed_at) values ('2026-01-01', 'prepare', 'a', 'infinity')"),
)


@pytest.mark.parametrize(("login", "row"), UNREADABLE)
def test_l15_nobody_writes_for_ever_what_the_program_cannot_read(database: Database, login: str, row: str) -> None:
    with (
        pytest.raises((psycopg.errors.CheckViolation, psycopg.errors.RestrictViolation)),
        as_person(database, login).connect() as connection,
    ):
        connection.execute(f"insert into fridge.{row}".encode())


def test_l15_a_session_that_says_nothing_of_its_system_leaves_that_empty(database: Database) -> None:
    with psycopg.connect(as_person(database, "ada").dsn, autocommit=True) as connection:
        connection.execute(FORGED)
    with database.connect() as connection:
        assert (connection.execute(STAMP).fetchone() or ())[:3] == ("ada", None, None)


def test_l15_who_runs_a_process_is_read_from_the_kernel_and_not_from_its_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = system_user()
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "grace")
    assert system_user() == before
    assert before.user not in {"", "grace"}


@pytest.mark.parametrize("label", ["Ada Lovelace", "Ada\u200b Lovelace", "\u0410da Lovelace", "Grace Hopper"])
def test_l15_one_person_under_another_spelling_closes_no_month(database: Database, label: str) -> None:
    """bob may both prepare and approve; what he types beside it makes no second person of him."""
    sign(database, "bob", Action.PREPARE)
    with pytest.raises(SamePersonError, match="closing a month takes two people"):
        approve_month(signed_in(database, "bob"), JANUARY, label, lambda: AT, CLOSE_AFTER)
    with pytest.raises(MonthStateError, match=r"the prepare before it is by bob \(Ada Lovelace\)"):
        sign(database, "bob", Action.APPROVE, label=label)
    assert not is_closed(database)


def test_l15_whoever_signs_and_has_no_role_for_any_signature_is_told_where_the_roles_are(database: Database) -> None:
    with pytest.raises(NotEntitledError, match="month_signoffs to olga: fridge people list shows who may"):
        sign(database, "olga", Action.PREPARE)


@pytest.mark.parametrize(
    ("login", "action"),
    [
        ("ada", Action.APPROVE),
        ("grace", Action.PREPARE),
        ("olga", Action.PREPARE),
        ("ada", Action.REOPEN),
        ("grace", Action.ASK_TO_REOPEN),
    ],
)
def test_l15_a_signature_takes_the_role_that_it_belongs_to(database: Database, login: str, action: Action) -> None:
    if action in REASONED:
        close(database, JANUARY)
    if action is Action.REOPEN:
        sign(database, "bob", Action.ASK_TO_REOPEN)
    if action is Action.APPROVE:
        sign(database, "bob", Action.PREPARE)
    before = is_closed(database)
    with pytest.raises(NotEntitledError):
        sign(database, login, action)
    assert is_closed(database) is before


def test_l15_neither_the_pipeline_nor_the_owner_nor_a_superuser_signs(
    database: Database, as_superuser: psycopg.Connection
) -> None:
    for attempt in (database, database.owned):
        with attempt.connect() as connection, pytest.raises(REFUSED):
            connection.execute(FORGED)
    with pytest.raises(REFUSED, match="postgres is no person with the role preparer"):
        as_superuser.execute(FORGED)


def test_l15_a_person_writes_acts_and_nothing_else(database: Database) -> None:
    with as_person(database, "olga").connect() as connection:
        for harm in (
            "update fridge.usage set quantity = 0",
            "insert into fridge.meter_events default values",
            "insert into fridge.people_changes (login, role, action) values ('olga', 'approver', 'add')",
            "insert into fridge.person_rights values ('usage', 'operator')",
            "set role fridge_pipeline",
            "set role fridge_approver",
            "select fridge.drop_month(now(), 'olga', now())",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(harm.encode())
        assert connection.execute("select count(*) from fridge.tie_out").fetchone() == (0,)


def test_l15_a_month_is_open_only_after_a_second_person_has_confirmed(database: Database) -> None:
    close(database, JANUARY)
    sign(database, "bob", Action.ASK_TO_REOPEN)
    assert is_closed(database)
    with pytest.raises(MonthStateError, match="the ask_to_reopen before it is by bob"):
        sign(database, "bob", Action.REOPEN)
    assert is_closed(database)
    sign(database, "grace", Action.REOPEN)
    assert not is_closed(database)


def test_l15_months_close_in_their_order_and_the_one_in_the_way_is_named(pipeline: Pipeline) -> None:
    database = pipeline.database
    with database.connect() as connection:
        connection.execute(
            "insert into fridge.usage select 'cohoes', hour, 'inserted_count', 1, now()"
            " from unnest(array['2025-11-30 23:00Z', '2026-01-31 23:00Z', '2026-02-01 00:00Z']::timestamptz[]) as hour"
        )
    for month in (FEBRUARY, JANUARY):
        with pytest.raises(MonthStateError, match=f"prepare of {month} refused: 2025-11 has usage and is not closed"):
            sign(database, "ada", Action.PREPARE, month)
    close(database, Month.from_key("2025-11"))
    with pytest.raises(MonthStateError, match="2026-01 has usage and is not closed"):
        sign(database, "ada", Action.PREPARE, FEBRUARY)
    close(database, JANUARY)
    close(database, FEBRUARY)


def test_l15_a_month_that_was_prepared_by_a_typed_name_is_prepared_anew(database: Database) -> None:
    """As it stands in a database of before logins were recorded."""
    with database.owned.connect() as connection:
        connection.execute("alter table fridge.month_signoffs disable trigger user")
        connection.execute(
            "insert into fridge.month_signoffs (signoff_id, month, action, signed_by, control_totals, signed_at)"
            " values (7, '2026-01-01', 'prepare', 'Grace', '{}', '2026-02-02')"
        )
        connection.execute("alter table fridge.month_signoffs enable trigger user")
    with pytest.raises(MonthStateError, match=r"by Grace \(login not recorded\)"):
        sign(database, "grace", Action.APPROVE)
    close(database, JANUARY)
    with database.connect() as connection:
        numbers = connection.execute("select signoff_id from fridge.month_signoffs order by 1").fetchall()
    assert numbers == [(7,), (8,), (9,)]


@pytest.mark.parametrize(
    "login", ["Ada", "ad\u200ba", "\u0430da", "a da", "1ada", "fridge_x", "postgres", "pg_ada", "", "a" * 64, "ada\n"]
)
def test_l15_a_login_leaves_no_room_for_characters_that_look_alike_or_are_not_seen(
    as_superuser: psycopg.Connection, login: str
) -> None:
    with pytest.raises(PersonRefusedError, match="is not a login for a person"):
        add_person(as_superuser, login, Role.PREPARER, PASSWORD)
    with pytest.raises(psycopg.errors.CheckViolation):
        as_superuser.execute(
            "insert into fridge.people_changes (login, role, action) values (%s, 'preparer', 'add')", [login]
        )


def test_l15_a_person_is_added_and_removed_on_record_and_the_name_is_never_anothers(
    database: Database, as_superuser: psycopg.Connection, new_login: str
) -> None:
    assert add_person(as_superuser, new_login, Role.PREPARER, PASSWORD)
    sign(database, new_login, Action.PREPARE)
    with pytest.raises(PersonRefusedError, match="has it"):
        add_person(as_superuser, new_login, Role.PREPARER, PASSWORD)
    twin = new_login.replace("0", "o")
    with pytest.raises(PersonRefusedError, match=f"{twin} looks like {new_login}"):
        add_person(as_superuser, twin, Role.PREPARER, PASSWORD)
    assert remove_person(as_superuser, new_login, None) == [Role.PREPARER]
    with pytest.raises((ConnectionError, NotEntitledError)):  # or in a session that is open still
        sign(database, new_login, Action.PREPARE)
    with database.connect() as connection:
        assert new_login not in {each.login for each in people(connection)}
        changes = connection.execute(
            "select action, acted_by from fridge.people_changes where login = %s order by change_id", [new_login]
        ).fetchall()
    assert changes == [("add", "postgres"), ("remove", "postgres")]
    worker = f"worker_{new_login}"
    with as_superuser.transaction(force_rollback=True):
        as_superuser.execute(f"create role {worker} login in role fridge_pipeline".encode())
        with pytest.raises(PersonRefusedError, match="does other work"):
            add_person(as_superuser, worker, Role.PREPARER, PASSWORD)


@pytest.mark.parametrize("login", ["fridge_app", "olga"])
def test_l15_releases_and_withdrawals_carry_the_login_of_who_decided(
    pipeline: Pipeline, two_days_ago: datetime, login: str
) -> None:
    hour = Hour(two_days_ago)
    pipeline.add_tenant_with_readings("cohoes", hour, 1, 5)
    pipeline.run(hour)
    acting = pipeline.database if login == "fridge_app" else signed_in(pipeline.database, login)
    known_as = "fridge" if login == "fridge_app" else login  # the tests' own login owns the schema
    with pipeline.database.connect() as connection:
        hold(connection, hour, 5)
    run = replace(pipeline.as_run(), database=acting)
    assert not release_usage(run, "cohoes", hour, None, "Ada", "backlog").waits_for_another
    withdraw_file(acting, LocalLanding(str(pipeline.landing)), f"{hour.folder}/a.csv", "bench", "Ada", pipeline.clock)
    assert pipeline.rows("select acted_by, released_by from fridge.releases") == [(known_as, "Ada")]
    assert pipeline.rows("select acted_by, withdrawn_by from fridge.withdrawals") == [(known_as, "Ada")]
    pipeline.count(hour)
    assert pipeline.usage() == {}


def hold(connection: psycopg.Connection, hour: Hour, quantity: int) -> None:
    connection.execute("delete from fridge.usage where measure = 'inserted_count'")
    connection.execute(
        "insert into fridge.usage values ('cohoes', %s, 'inserted_count', %s, now())", [hour.start, quantity]
    )
    connection.execute(
        "insert into fridge.exceptions (kind, tenant_id, hour, subject, detail, opened_at)"
        " values ('held_for_review', 'cohoes', %s, 'temperature_readings', 'x', now())",
        [hour.start],
    )


def test_l15_tenants_are_mapped_by_an_operator_in_their_own_name_and_by_no_signer(database: Database) -> None:
    def mapped(login: str) -> int:
        acting = signed_in(database, login)
        with database.connect() as connection, acting.acting(connection) as own:
            return import_tenants(own, [Tenant("cohoes", "Cohoes", "cus_1")], AT).created

    with pytest.raises(NotEntitledError):
        mapped("ada")
    assert mapped("olga") == 1


def test_l15_a_release_above_the_bound_takes_two_people(pipeline: Pipeline, two_days_ago: datetime) -> None:
    hour, released = Hour(two_days_ago), "select count(*) from fridge.released_usage"
    with pipeline.database.connect() as connection:
        hold(connection, hour, 150_001)

    def release(database: Database) -> bool:
        run = replace(pipeline.as_run(), database=database)
        return release_usage(run, "cohoes", hour, None, "x", "backlog").waits_for_another

    for acting in (pipeline.database, signed_in(pipeline.database, "olga"), signed_in(pipeline.database, "olga")):
        assert release(acting)
        assert pipeline.one(released) == 0
    assert not release(signed_in(pipeline.database, "oscar"))
    assert pipeline.one(released) > 0


def test_l15_a_run_bills_nothing_above_the_bound_before_the_second_person_has_released_it(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour, key = Hour(two_days_ago), ("temperature_readings", Hour(two_days_ago).key)
    pipeline.add_tenant("cohoes")
    with pipeline.database.connect() as connection:
        connection.execute(
            "insert into fridge.usage"
            " select 'cohoes', %s - n * interval '1 hour', 'inserted_count', case n when 0 then 150001 else 9 end,"
            " now() from generate_series(0, 24) as n",
            [hour.start],
        )
    pipeline.bill(hour)
    for login, billed in (("olga", None), ("oscar", 150_001)):
        run = replace(pipeline.as_run(), database=signed_in(pipeline.database, login))
        release_usage(run, "cohoes", hour, None, "x", "backlog")
        pipeline.bill(hour)
        assert pipeline.stripe_totals("cohoes").get(key) == billed
        assert pipeline.one("select count(*) from fridge.open_exceptions") == (billed is None)


def test_l15_what_a_process_bills_by_is_put_on_record_once_and_a_decision_holds_where_no_variable_is_set(
    database: Database,
) -> None:
    query = "select setting, acted_by, reason from fridge.decisions where subject = 'variance' order by decision_id"

    def on_record() -> list[tuple[str, ...]]:
        with database.connect() as connection:
            return connection.execute(query).fetchall()

    assert keep_settings(database, None, CATALOGUE) is Variance.HOLD
    assert on_record() == []
    for _ in range(2):
        assert keep_settings(database, Variance.OFF, CATALOGUE) is Variance.OFF
    assert [each[:2] for each in on_record()] == [("off", "fridge")]
    assert "FRIDGE_VARIANCE" in on_record()[0][2]
    decide(signed_in(database, "olga"), Subject.VARIANCE, "warn", "new gateways")
    assert on_record()[1:] == [("warn", "olga", "new gateways")]
    assert keep_settings(database, None, CATALOGUE[:1]) is Variance.WARN
    with database.connect() as connection:
        assert variance_now(connection, Variance.HOLD) is Variance.HOLD
        meters = "select setting from fridge.decisions where subject = 'meters'"
        assert connection.execute(meters).fetchone() == ("temperature_readings = sum of inserted_count, window hour",)
        with pytest.raises(REFUSED):
            connection.execute("update fridge.decisions set setting = 'hold'")


@pytest.mark.parametrize("mode", [Variance.OFF, Variance.WARN])
def test_l15_switching_off_frees_nothing_that_is_held(
    pipeline: Pipeline, two_days_ago: datetime, mode: Variance
) -> None:
    hour = Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    with pipeline.database.connect() as connection:
        connection.execute(
            "insert into fridge.usage select 'cohoes', %s - n * interval '1 hour', 'inserted_count', 2, now()"
            " from generate_series(1, 30) as n",
            [hour.start],
        )
    pipeline.land(hour, "spike.csv", readings("cohoes", hour, 1, 50))
    pipeline.run(hour)
    pipeline.variance = mode
    for late in ("", "late.csv"):
        if late:
            pipeline.land(hour, late, readings("cohoes", hour, 1, 10, start=9))
        pipeline.run(hour)
        assert ("temperature_readings", hour.key) not in pipeline.stripe_totals("cohoes")
    release_usage(pipeline.as_run(), "cohoes", hour, None, "x", "backlog")
    pipeline.run(hour)
    assert pipeline.stripe_totals("cohoes")["temperature_readings", hour.key] == 60
