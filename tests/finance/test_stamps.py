"""Every report and pack says from which books it is, and these say where their usage went."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import openpyxl
import pytest

from fridge_pipeline.billing.deliver import record_stripe_use
from fridge_pipeline.calendar.days import Month
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.commit import NO_COMMIT, commit
from fridge_pipeline.finance.report_month import report_month
from fridge_pipeline.stripe.rules.api_key import ApiKey
from tests.finance.evidence.books import MAKER
from tests.finance.report.html_reading import PageRead
from tests.pipeline import CLOSE_AFTER, Pipeline, gateway_to, readings

SHA = "0123456789abcdef0123456789abcdef01234567"


def test_page_sheets_and_print_say_where_the_usage_of_the_month_went_and_who_made_them(
    pipeline: Pipeline, two_days_ago: datetime, tmp_path: Path
) -> None:
    hour, month = Hour(two_days_ago), Month.containing(two_days_ago)
    pipeline.add_tenant("cohoes")
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 2, 5))
    pipeline.run(hour)
    pipeline.run_models(hour)
    later = gateway_to("http://127.0.0.1:9", ApiKey("sk_test_51nobody"))  # what is used after it changes nothing of it
    pipeline.clock.advance(minutes=1)
    with pipeline.database.connect() as connection:
        record_stripe_use(connection, later, pipeline.clock())
    program = {"version": "0.2.0", "commit": SHA, "source_sha256": "0" * 64}
    maker = replace(MAKER, name="ada", made_at=pipeline.clock(), program=program)
    report = report_month(pipeline.as_run(), month, tmp_path, CLOSE_AFTER, pipeline.workspace, maker)
    assert isinstance(report.page, Path)
    assert isinstance(report.workbook, Path)
    host = urlsplit(pipeline.gateway.base).netloc
    text = report.page.read_text(encoding="utf-8")
    page = PageRead(text)
    assert f"SANDBOX SANDBOX ({host}, no account)" in page.text
    for said in (f"commit {SHA}", "Filters none: all tenants and meters", "database login", "2 usage monthly"):
        assert said in page.text
    assert "@page { @top-left { content:" in text
    line = f"SANDBOX, {month}, books of {pipeline.clock():%Y-%m-%d %H:%M} UTC, made by ada, program 0.2.0 {SHA[:12]}"
    for sheet in openpyxl.load_workbook(report.workbook).worksheets:
        assert sheet.oddHeader is not None
        assert sheet.oddHeader.left.text == line, sheet.title
        assert sheet.title == "Summary" or line in sheet["A1"].value, sheet.title


def test_where_usage_goes_is_on_record_once_until_it_changes_and_no_row_of_it_can(pipeline: Pipeline) -> None:
    sandbox, test = pipeline.gateway, gateway_to("http://127.0.0.1:9", ApiKey("sk_test_51nobody"))
    with pipeline.database.connect() as connection:
        for gateway in (sandbox, sandbox, test, test, sandbox):
            record_stripe_use(connection, gateway, pipeline.clock())
    assert pipeline.rows("select mode, host = '127.0.0.1:9' from fridge.stripe_uses order by use_id") == [
        ("sandbox", False),
        ("test", True),
        ("sandbox", False),
    ]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({".git/HEAD": SHA}, SHA),
        ({".git/HEAD": "ref: refs/heads/main\n", ".git/refs/heads/main": f"{SHA}\n"}, SHA),
        ({".git/HEAD": "ref: refs/heads/main\n", ".git/packed-refs": f"# pack\n{SHA} refs/heads/main\n"}, SHA),
        ({".git": "gitdir: real/w\n", "real/w/HEAD": "ref: refs/heads/b\n", "real/w/commondir": "..\n",
          "real/refs/heads/b": SHA}, SHA),
        ({".git/HEAD": "ref: refs/heads/main\n"}, NO_COMMIT),
        ({".git/HEAD": "ref: refs/heads/main\n", "commit.txt": "v1"}, NO_COMMIT),
        ({"commit.txt": f"{SHA}\n"}, SHA),
        ({}, NO_COMMIT),
    ],
)  # fmt: skip
def test_the_commit_is_known_from_a_build_or_a_checkout_without_git(
    tmp_path: Path, files: dict[str, str], said: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert commit(tmp_path / "commit.txt", tmp_path) == said
