"""What a newcomer is told to type works on a machine that has only Python and make."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from fridge_pipeline.cli.shown_addresses import show_addresses
from fridge_pipeline.settings import DEFAULT_HOME


def running(embedded: object) -> SimpleNamespace:
    settings = SimpleNamespace(landing_uri="/landing", home=DEFAULT_HOME)
    ledger = SimpleNamespace(settings=settings, billing_start=SimpleNamespace(restriction=None))
    return SimpleNamespace(
        ui_url="ui",
        console_url="console",
        metrics_url="metrics",
        stripe_location="the sandbox",
        has_finance=True,
        sandbox=None,
        keeps_database_up=False,
        embedded=embedded,
        installation=SimpleNamespace(ledger=ledger),
    )


@pytest.mark.parametrize(
    ("embedded", "installed", "is_told"), [(1, False, True), (1, True, False), (None, False, False)]
)
def test_where_psql_is_stands_below_the_line_that_needs_it_where_the_terminal_has_none(
    embedded: object,
    installed: bool,  # noqa: FBT001 # a case
    is_told: bool,  # noqa: FBT001 # a case
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if installed:
        (tmp_path / "psql").touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    show_addresses(running(embedded))  # type: ignore[arg-type] # what it reads of one
    said = "".join(capsys.readouterr())
    told = re.findall(r'psql "\$\(.+\)"\n +psql is in (.+)\n', said)
    assert [(Path(each) / "psql").is_file() for each in told] == [True] * is_told, said
