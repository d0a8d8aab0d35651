"""What the pipeline's role may write, and what the database refuses it: a change of either is a change of this list."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.database.connection import Database
from tests.console_script import Run
from tests.people import signed_in
from tests.pipeline import Pipeline, readings

#: Everything that the pipeline may do beyond reading; a table that is not here, it only reads.
RIGHTS = {
    "accepted_shapes": "insert",
    "alerts": "insert, update last_sent_at newest_at resolved_at title",
    "billing_starts": "insert",
    "changed_hours": "insert, delete",
    "correction_arrivals": "insert",
    "correction_attempts": "insert",
    "correction_documents": "insert",
    "correction_edits": "insert",
    "correction_losses": "insert",
    "counted_hours": "insert, update counted_at files_hash, delete",
    "decisions": "insert",
    "declared_measures": "insert",
    "dropped_measures": "insert",
    "dropped_reading_counts": "insert",
    "evidence_packs": "insert",
    "exceptions": "insert, update amount closed_at currency deadline_at detail not_invoiced owed",
    "invoice_comparisons": "insert, delete",
    "invoice_day_reads": "insert",
    "invoice_holds": "insert",
    "invoice_line_snapshots": "insert",
    "invoice_snapshots": "insert",
    "landing_file_tenants": "insert",
    "landing_files": "insert",
    "landing_hours": "insert, update absent_file_ids folder_version listing_fingerprint loaded_at",
    "load_attempts": "insert, update attempts started_at version_token, delete",
    "marked_hours": "insert, delete",
    "meter_event_adjustments": (
        "insert, update answer attempts first_sent_at http_status request_id settled_at status"
    ),
    "meter_event_attempts": "insert",
    "meter_events": (
        "insert, update answer attempts first_sent_at http_status last_sent_at request_id settled_at status"
    ),
    "measures": "insert, update is_counted",
    "meters": "insert, update formula measure window, delete",
    "meter_starts": "insert",
    "meter_turns": "insert",
    "model_hours": "insert, update built_at",
    "price_snapshots": "insert",
    "reading_numbers": "insert",
    "rejected_not_kept": "insert",
    "rejected_readings": "insert",
    "sensor_register": "insert",
    "waiting_sensors": "insert",
    "refused_files": "insert",
    "releases": "insert",
    "restores": "insert",
    "runs": "insert",
    "settlement_decisions": "insert",
    "settlement_outcomes": "insert",
    "sensors": "insert",
    "source_definitions": "insert",
    "sent_meters": "insert, update formula measure",
    "source_lists": "insert",
    "source_shapes": "insert",
    "stored_readings": "insert",
    "stranded_corrections": "insert, update answer, delete",
    "stripe_books": "insert",
    "stripe_day_reads": "insert",
    "stripe_error_reports": "insert",
    "stripe_error_samples": "insert",
    "stripe_pace": "update next_free_at",
    "stripe_range_reads": "insert",
    "stripe_readbacks": "insert",
    "stripe_reads": "insert",
    "stripe_reconciliation": "insert, update detail ledger_value run_id usage_value, delete",
    "stripe_sums": "insert",
    "subscription_item_snapshots": "insert",
    "stripe_uses": "insert",
    "swept_catalogue": "update event_names measures",
    "tenants": "insert, update created_at name stripe_customer_id tenant_id updated_at",  # a trigger keeps its id
    "usage": "insert, update computed_at quantity, delete",
    "withdrawals": "insert",
}

#: The rights on every relation as PostgreSQL judges them, membership and grants to everybody included.
CATALOGUE = """
    select relname, concat_ws(
        ', ',
        case when has_any_column_privilege(oid, 'insert') then 'insert' end,
        'update ' || (
            select string_agg(attname, ' ' order by attname) from pg_attribute
            where attrelid = pg_class.oid and attnum > 0 and has_column_privilege(attrelid, attnum, 'update')
        ),
        case when has_table_privilege(oid, 'delete') then 'delete' end,
        case when has_table_privilege(oid, 'truncate') then 'truncate' end,
        case when has_table_privilege(oid, 'trigger') then 'trigger' end,
        case when has_any_column_privilege(oid, 'references') then 'references' end
    )
    from pg_class where relnamespace = 'fridge'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f')
"""

#: What somebody would try who wants readings to be another tenant's, or a difference not to be seen.
HARM = (
    "update fridge.sensors set tenant_id = 'other'",
    "delete from fridge.sensors",
    "delete from fridge.tenants",
    "update fridge.tenants set tenant_id = 'other'",
    "update fridge.exceptions set kind = 'rows_rejected'",
    "update fridge.exceptions set tenant_id = 'other'",
    "update fridge.exceptions set deadline_at = null",
    "update fridge.exceptions set detail = 'never mind' where closed_at is not null",
    "update fridge.exceptions set closed_at = null where closed_at is not null",
    "update fridge.alerts set resolved_at = null where resolved_at is not null",
    "insert into fridge.pipeline_rights (relation, deletes) values ('runs', true)",
)

#: Whoever gives the newest number there is to a row of its own has the last word for ever.
CHOSEN_NUMBERS = """
    select rolname || ' numbers ' || relname from pg_attribute
    inner join pg_class on attrelid = pg_class.oid
    cross join pg_roles
    where relnamespace = 'fridge'::regnamespace and attidentity <> '' and not rolsuper and rolname !~ '^pg_'
        and pg_roles.oid <> pg_class.relowner and has_column_privilege(pg_roles.oid, attrelid, attnum, 'insert')
"""
LAST_WORDS = (
    ("olga", "decisions (decision_id, subject, setting, reason)", "(9223372036854775807, 'variance', 'off', 'x')"),
    (
        "olga",
        "sensor_register (entry_id, sensor_id, tenant_id, valid_from, reason)",
        "(9223372036854775807, 's', 't', now(), 'x')",
    ),
    (
        "ada",
        (
            "correction_proposals (proposal_id, stripe_customer_id, event_name, period_start, period_end, old_quantity,"
            " new_quantity, delta, price_id, amount, currency, document_kind)"
        ),
        "(9223372036854775807, 'c', 'm', '2026-01-01', '2026-02-01', 1, 2, 1, 'p', 1, 'eur', 'invoice_item')",
    ),
)

REFUSED = (psycopg.errors.InsufficientPrivilege, psycopg.errors.RestrictViolation)


@pytest.fixture
def billed(pipeline: Pipeline, two_days_ago: datetime) -> Pipeline:
    """An hour that was billed, with an exception that is closed, one that is open, and an alert that is over."""
    hour = Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 2, 5) + readings("unmapped", hour, 1, 3))
    pipeline.land(hour, "broken.parquet", b"broken")
    pipeline.run(hour)
    pipeline.run_models(hour)
    with pipeline.database.connect() as connection:
        connection.execute("update fridge.exceptions set closed_at = now() where kind = 'unreadable_file'")
        connection.execute(
            "insert into fridge.alerts (alert_key, channel, title, first_sent_at, last_sent_at, resolved_at)"
            " values ('k', 'mail', 't', now(), now(), now())"
        )
        assert connection.execute("select count(*), count(closed_at) from fridge.exceptions").fetchall() == [(3, 1)]
    return pipeline


def test_the_pipeline_has_the_rights_of_this_list_and_no_others(billed: Pipeline) -> None:
    with billed.database.connect() as connection:
        filled = "select name, 'insert, delete' from fridge.sql_models where materialized <> 'view'"
        tables = dict(connection.execute(filled).fetchall())
        found = {name: rights for name, rights in connection.execute(CATALOGUE).fetchall() if rights}
    assert len(tables) == 9  # models that are filled
    assert found == RIGHTS | tables


@pytest.mark.parametrize("acting", ["the pipeline", "the owner"])
def test_nobody_hands_over_a_sensor_or_makes_a_difference_disappear(billed: Pipeline, acting: str) -> None:
    database = billed.database if acting == "the pipeline" else billed.database.owned
    done = []
    with database.connect() as connection:
        for statement in HARM[:-1] if acting == "the owner" else HARM:
            try:
                with connection.transaction(force_rollback=True):
                    connection.execute(statement)
                    done.append(statement)
            except REFUSED:
                continue
    assert done == []


def test_nobody_but_the_database_numbers_what_is_written(billed: Pipeline) -> None:
    with billed.database.connect() as connection:
        assert connection.execute(CHOSEN_NUMBERS).fetchall() == []


@pytest.mark.parametrize(("login", "columns", "row"), LAST_WORDS, ids=["a switch", "the register", "a correction"])
def test_no_person_has_the_last_word_for_ever(database: Database, login: str, columns: str, row: str) -> None:
    person = signed_in(database, login).person
    assert person is not None
    with person.connect() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
        connection.execute(f"insert into fridge.{columns} overriding system value values {row}".encode())


def test_daily_work_signs_in_with_the_pipelines_rights_and_the_owners_login_is_handed_out_only_when_asked_for(
    run: Run, tmp_path: Path, two_days_ago: datetime
) -> None:
    home, key = {"FRIDGE_DATABASE_URL": "", "FRIDGE_HOME": str(tmp_path / "its own")}, Hour(two_days_ago).key
    try:
        daily, owner, finance = (
            run("db", "url", *which, **home).stdout.strip() for which in ((), ("--owner",), ("--finance",))
        )
        assert [urlsplit(each).username for each in (daily, owner, finance)] == [
            "fridge_app",
            "fridge",
            "fridge_finance",
        ]
        billed = run("bill", "--from", key, "--to", key, FRIDGE_PARTITIONS_START=key, **home)
        assert billed.returncode == 0, billed.stderr
        findings = json.loads(run("doctor", "--json", **home).stdout)
    finally:
        assert run("db", "stop", **home).stdout == "stopped\n"
    (roles,) = [each for each in findings if each["check"] == "roles"]
    assert (roles["grade"], roles["text"]) == (
        "ok",
        "works with the rights of fridge_pipeline, which changes no schema",
    )
