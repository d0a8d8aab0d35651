"""Two versions of the code on one database: what the newer one changes, the older one survives."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fridge_pipeline.database import lock_waits
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.lock_waits import SchemaInUseError
from fridge_pipeline.database.make_models import built_from, make_models
from fridge_pipeline.database.models import files_sha256
from fridge_pipeline.database.schema import migrations
from fridge_pipeline.operations.prepare_database import prepare_database
from tests.database.models.folder import write_models

NOW = datetime(2026, 2, 1, tzinfo=UTC)
DESCRIBED = """  - name: tenants_seen
    description: One row per tenant.
    example: a row.
    columns: {tenant_id text: T.%s}
"""

#: What would break the older code, which goes on reading and writing for a while after the migration.
#: A later release may do it, when no code that runs needs it any more: its file then begins with CONTRACTS.
BREAKS = {
    "drops what older code uses": r"\bdrop\s+(?:table|view|column|function|schema|type|sequence|trigger)\b",
    "renames what older code uses": r"\brename\b",
    "requires what older code does not give": r"\bset\s+not\s+null\b",
    "changes what older code expects": r"\balter\s+(?:column\s+)?\w+\s+(?:set\s+data\s+)?type\b|\bdrop\s+default\b",
    "takes rights away": r"\brevoke\b(?!.*\bfrom\s+(?:public|current_user)\b)",
}
CONTRACTS = "-- Contracts: "


def breaks(text: str) -> list[str]:
    """What a migration does that older code does not survive."""
    if text.startswith(CONTRACTS):
        return []
    plain = re.sub(r"--[^\n]*|'(?:[^']|'')*'", " ", text.lower())
    outside = re.sub(r"\$\$.*?\$\$", " ", plain, flags=re.DOTALL)  # functions may do within what they like
    statements = [" ".join(each.split()) for each in outside.split(";")]
    found = [what for what, pattern in BREAKS.items() if any(re.search(pattern, each) for each in statements)]
    for each in statements:
        found += [
            f"adds a column that older code does not fill: {column}"
            for column in re.findall(r"\badd\s+column\s+(?:if\s+not\s+exists\s+)?(.*?)(?=,\s*add\b|$)", each)
            if "not null" in column and "default" not in column and "generated" not in column
        ]
        added = set(re.findall(r"\badd\s+constraint\s+(\w+)", outside))
        found += [
            f"drops the constraint {name} without making it anew"
            for name in re.findall(r"\bdrop\s+constraint\s+(?:if\s+exists\s+)?(\w+)", each)
            if name not in added
        ]
    return found


def test_every_migration_only_expands_so_that_the_code_before_it_goes_on_working() -> None:
    assert {each.title: found for each in migrations() if (found := breaks(each.text))} == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("alter table fridge.a drop column b;", 1),
        ("alter table fridge.a rename column b to c;", 1),
        ("alter table fridge.a alter column b set not null;", 1),
        ("alter table fridge.a alter column b type bigint;", 1),
        ("alter table fridge.a add column b text not null;", 1),
        ("alter table fridge.a add column b text, add column c text not null;", 1),
        ("alter table fridge.a drop constraint a_kind;", 1),
        ("revoke insert on fridge.a from fridge_pipeline;", 1),
        ("drop view fridge.a;", 1),
        ("alter table fridge.a add column b text not null default '';", 0),
        ("alter table fridge.a drop constraint k; alter table fridge.a add constraint k check (b in ('x', 'y'));", 0),
        ("create table fridge.a (b text not null); comment on table fridge.a is 'We drop table a; no rename.';", 0),
        ("create function fridge.f() returns trigger as $$ begin drop table x; end; $$;", 0),
        ("-- Contracts: no code since 0.3 reads b.\nalter table fridge.a drop column b;", 0),
    ],
)
def test_the_rule_finds_what_older_code_does_not_survive_and_nothing_else(text: str, expected: int) -> None:
    assert len(breaks(text)) == expected, breaks(text)


def models(folder: Path, more: str = "") -> Path:
    folder.mkdir()
    select = "select tenant_id from fridge.tenants" if not more else "select tenant_id, name from fridge.tenants"
    return write_models(folder, {"tenants_seen": f"-- materialized: view\n{select}"}, DESCRIBED % more)


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """The models of the release that is being replaced."""
    return models(tmp_path / "older")


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """Those of the release that replaces it."""
    return models(tmp_path / "newer", ", name text: N.")


def built(database: Database) -> str | None:
    with database.owned.connect() as connection:
        return built_from(connection)


def test_older_code_leaves_the_models_of_newer_code_alone_and_newer_code_brings_older_ones_up_to_date(
    database: Database, older: Path, newer: Path
) -> None:
    for folder in (older, newer):
        prepare_database(database, folder, NOW, leave_newer=True)
        assert built(database) == files_sha256(folder)
    for _ in range(2):
        prepare_database(database, older, NOW, leave_newer=True)
        assert built(database) == files_sha256(newer)


def test_going_back_is_a_decision_and_coming_forward_again_too(database: Database, older: Path, newer: Path) -> None:
    for folder in (older, newer):
        prepare_database(database, folder, NOW, leave_newer=True)
    for folder, other in ((older, newer), (newer, older)):
        prepare_database(database, folder, NOW, anew=True)
        assert built(database) == files_sha256(folder)
        prepare_database(database, other, NOW, leave_newer=True)
        assert built(database) == files_sha256(folder), "who did not decide is the older one now"


def test_on_a_database_of_ones_own_an_edit_that_is_undone_is_undone_in_the_database_too(
    database: Database, older: Path, newer: Path
) -> None:
    for folder in (older, newer, older):
        prepare_database(database, folder, NOW)
        assert built(database) == files_sha256(folder)


@pytest.fixture
def few_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_waits, "LOCK_WAIT", "200ms")
    monkeypatch.setattr(lock_waits, "PAUSE_SECONDS", 0.2)
    monkeypatch.setattr(lock_waits, "TRIES", 3)


@pytest.mark.usefixtures("few_tries")
def test_a_query_that_reads_for_long_holds_up_no_upgrade_for_ever_and_nobody_behind_it(
    database: Database, older: Path, newer: Path
) -> None:
    owner = database.owned
    make_models(owner, older, NOW)
    with owner.connect() as reading, reading.transaction():
        reading.execute("select * from fridge.tenants_seen")
        pid = reading.info.backend_pid
        with pytest.raises(
            SchemaInUseError, match=rf"process {pid} of the login .*, on tenants and others.*pg_terminate"
        ):
            make_models(owner, newer, NOW)
        with owner.connect() as another:
            another.execute("set lock_timeout = '1s'")
            another.execute("select * from fridge.tenants_seen")
    assert make_models(owner, newer, NOW) == []
    with owner.connect() as connection:
        assert built_from(connection) == files_sha256(newer)


@pytest.mark.usefixtures("few_tries")
def test_an_upgrade_goes_on_as_soon_as_the_reader_has_ended(database: Database, older: Path, newer: Path) -> None:
    owner = database.owned
    make_models(owner, older, NOW)
    with owner.connect() as reading, ThreadPoolExecutor(1) as other:
        with reading.transaction():
            reading.execute("select * from fridge.tenants_seen")
            made = other.submit(make_models, owner, newer, NOW)
            with pytest.raises(TimeoutError):
                made.result(timeout=0.3)
        made.result(timeout=30)
    with owner.connect() as connection:
        assert built_from(connection) == files_sha256(newer)
