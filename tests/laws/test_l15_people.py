"""Law L15: an act of a person says who did it, as the database knows it, and when, by its clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from fridge_pipeline.database.connection import Database, SystemUser
from fridge_pipeline.installation import system_user

FORGED = """
    insert into fridge.month_signoffs (
        month, action, signed_by, control_totals, signed_at, acted_by, acted_at, os_user, os_host
    ) values (
        '2026-01-01', 'prepare', 'Ada', '{}', '2026-02-02', 'grace', '2026-01-31', 'grace', 'elsewhere'
    )
"""
STAMP = "select acted_by, os_user, os_host, acted_at from fridge.month_signoffs"


def test_l15_an_act_is_stamped_by_the_database_whatever_the_row_says(database: Database) -> None:
    strange = SystemUser("ada of \\sales ", "cash\tdesk 1")
    with replace(database, system_user=strange).connect() as connection:
        connection.execute(FORGED)
        (*who, when) = connection.execute(STAMP).fetchone() or ()
    assert who == ["fridge", "ada of \\sales ", "cash\tdesk 1"]
    assert abs(when - datetime.now(UTC)) < timedelta(minutes=1)


def test_l15_a_session_that_says_nothing_of_its_system_leaves_that_empty(database: Database) -> None:
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        connection.execute(FORGED)
        assert connection.execute("select acted_by, os_user, os_host from fridge.month_signoffs").fetchone() == (
            "fridge",
            None,
            None,
        )


def test_l15_who_runs_a_process_is_read_from_the_kernel_and_not_from_its_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = system_user()
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "grace")
    assert system_user() == before
    assert before.user not in {"", "grace"}
