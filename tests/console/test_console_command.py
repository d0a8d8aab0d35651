"""``fridge console`` and ``fridge link`` as they are typed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from fridge_pipeline.console.tenant_link import KEY_FILE, LinkKey
from tests.console_script import Run
from tests.pipeline import Pipeline


def test_the_console_listens_elsewhere_only_behind_a_sign_in_and_reads_with_no_login_but_finances(run: Run) -> None:
    refused = run("console", "--host", "0.0.0.0")  # noqa: S104 # it is refused
    assert (refused.returncode, "set FRIDGE_UI_USER_HEADER" in refused.stderr) == (2, True)
    unknown = run("console")
    assert (unknown.returncode, "name one in FRIDGE_FINANCE_DATABASE_URL" in unknown.stderr) == (2, True)


def test_as_the_pipeline_the_console_does_not_start(run: Run, pipeline: Pipeline) -> None:
    done = run("console", FRIDGE_FINANCE_DATABASE_URL=pipeline.database.dsn)
    assert done.returncode == 1
    assert "may change" in done.stderr


def test_a_link_begins_with_the_consoles_address_and_is_of_a_tenant_that_there_is(
    run: Run, pipeline: Pipeline, tmp_path: Path
) -> None:
    pipeline.add_tenant("cohoes")
    done = run("link", "cohoes", "--days", "3", FRIDGE_CONSOLE_URL="https://billing.example")
    assert done.stdout.startswith("https://billing.example/usage-of/"), done.stderr
    assert "not set" not in done.stderr
    (path,) = tmp_path.rglob(KEY_FILE)
    address = done.stdout.strip().rpartition("/")[2]
    key, now = LinkKey(path.read_bytes()), datetime.now(UTC)
    days = [key.tenant(address, now + timedelta(days=day)) for day in (0, 2, 4)]
    assert days == ["cohoes", "cohoes", None]
    assert run("link", "nobody").returncode == 2


def test_a_link_is_made_where_the_console_runs_which_knows_no_login_but_finances(
    run: Run, pipeline: Pipeline, tmp_path: Path
) -> None:
    pipeline.add_tenant("cohoes")
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
    done = run("link", "cohoes", FRIDGE_FINANCE_DATABASE_URL=pipeline.database.dsn, FRIDGE_DATABASE_URL=nowhere)
    assert done.stdout.startswith("http://127.0.0.1:3001/usage-of/"), done.stderr
    assert "FRIDGE_CONSOLE_URL is not set" in done.stderr, "the console may be at another port, and is of this machine"
    (path,) = tmp_path.rglob(KEY_FILE)
    assert path.stat().st_mode & 0o777 == 0o600
