"""Names of files, tenants and entries are a stranger's text: on a terminal and in a message they are text only."""

from __future__ import annotations

import shutil
import subprocess
import sys
import unicodedata
import zipfile
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console
from rich.table import Table

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.cli import correct, explain, shown_progress
from fridge_pipeline.cli.month import differences_text, totals_text
from fridge_pipeline.cli.verify import verify
from fridge_pipeline.corrections.correction_record import CorrectionRecord
from fridge_pipeline.corrections.propose import ProposalReport
from fridge_pipeline.corrections.rules.proposal import Difference, Proposed
from fridge_pipeline.finance.explain_invoice import BilledHour, ExplainedLine, InvoiceExplanation
from fridge_pipeline.stripe.rules.correction import DocumentKind
from fridge_pipeline.visible import ACTING, UNSEEN, as_lines, one_line, quoted, shell_word, visible
from tests.console_script import Run
from tests.pipeline import Pipeline, ndjson_of, readings

#: Clears a screen, turns what follows around, is not seen, and begins a line.
HOSTILE = "a\x1b[2J\u202eb\u200b\nholds: everything\r\x9b1m"
AS_TEXT = r"a\x1b[2J\u202eb\u200b\nholds: everything\r\u009b1m"


def test_no_character_of_unicode_acts_or_hides_and_every_other_one_stays_as_it_is() -> None:
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    shown = one_line(everything)
    assert {unicodedata.category(character) for character in shown} & ACTING == set()
    assert set(map(ord, shown)) & UNSEEN == set()
    ignorable = "\u2065\ufff0\ufff8\U000e0000\U000e0002\U000e0080\U000e0100\U000e0fff"  # in part unassigned
    assert set(one_line(ignorable)).isdisjoint(ignorable)
    harmless = "Käse 🧀 冷蔵庫 \\ '\" ثلاجة"
    assert one_line(harmless) == harmless
    assert visible("two\n\tlines") == "two\n\tlines"
    assert as_lines(["one", "two\nthree"]) == "one\ntwo\\nthree"


def test_a_name_in_a_sentence_is_in_one_line_quoted_and_short() -> None:
    assert quoted(HOSTILE) == f'"{AS_TEXT}"'
    assert quoted('x", "y') == r'"x\", \"y"'
    assert len(quoted("x" * 5_000)) == 63


@pytest.mark.parametrize("name", ["o'brien", HOSTILE, "back\\slash and 'quote' \u202e", "plain"])
def test_a_command_in_a_message_names_the_very_tenant_though_nothing_in_it_acts(name: str) -> None:
    word = shell_word(name)
    assert one_line(word) == word
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash to read it back")
    read = subprocess.run([bash, "-c", f"printf %s {word}"], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"})
    assert read.stdout.decode() == name


@pytest.mark.parametrize("in_table", [True, False])
def test_what_is_printed_for_people_is_text_without_markup(monkeypatch: pytest.MonkeyPatch, *, in_table: bool) -> None:
    written = StringIO()
    monkeypatch.setattr(
        shown_progress.console, "_file", written
    )  # "file" answers for standard error, and would stay so
    table = Table("tenant")
    table.add_row(f"{HOSTILE}[red]x[/]:warning:")
    shown_progress.console.print(table if in_table else f"{HOSTILE}[red]x[/]:warning:", soft_wrap=True)
    assert set("\x1b\u202e\u200b\r\x9b").isdisjoint(written.getvalue())
    assert r"\x1b[2J\u202eb\u200b" in written.getvalue()
    assert "[red]x[/]:warning:" in written.getvalue()
    assert isinstance(shown_progress.console, Console)


def test_a_tenants_name_neither_acts_on_the_terminal_nor_adds_a_line(
    pipeline: Pipeline, run: Run, two_days_ago: datetime
) -> None:
    hour, tenant = Hour(two_days_ago), "t\u202e\x1b[2J\nStatements to Stripe"
    pipeline.add_tenant(tenant)
    pipeline.land(hour, "a.ndjson", ndjson_of(readings(tenant, hour, 1, 1)))
    pipeline.run(hour)
    told = run("explain", tenant, hour.key)
    assert told.returncode == 0, told.stderr
    assert pipeline.usage() == {(tenant, hour.key): (1, 1)}
    assert [line for line in told.stdout.splitlines() if line == "Statements to Stripe"] == ["Statements to Stripe"]
    assert set("\x1b\u202e").isdisjoint(told.stdout)
    refused = run("explain", tenant, "no \x1b[2J hour")
    assert refused.returncode == 2
    assert "\x1b" not in refused.stderr


def test_no_entry_of_a_pack_can_say_that_the_pack_holds(tmp_path: Path) -> None:
    pack = tmp_path / "2026-01.zip"
    with zipfile.ZipFile(pack, "w") as archive:
        archive.writestr("fridge-evidence-2026-01/\x1b[2A\nholds: every file has the SHA-256\r.csv", b"x")
    done = CliRunner().invoke(verify, [str(pack)])
    assert done.exit_code == 1
    assert [line for line in done.output.splitlines() if not line.startswith("DOES NOT HOLD: ")] == []
    assert "\x1b" not in done.output


def test_no_name_adds_a_line_to_what_is_signed_corrected_or_explained() -> None:
    at, name, nothing = datetime(2026, 1, 1, tzinfo=UTC), "t\n  nothing differs", Decimal(0)
    files = dict.fromkeys(("files", "row_count", "inserted_count", "duplicate_count", "rejected_count"), 0)
    not_compared = {"customer_days": 1, "stated_days": 1, "accepted": name}
    differs = {"meter": name, "amount": 1, "tenant_hours": 1, "cause": "lagging"}
    place: dict[str, Any] = {"customer_id": "c", "event_name": "m", "period_start": at, "period_end": at}
    difference = Difference(
        None, None, tenant_id=name, **place, usage=nothing, accepted=nothing, invoiced=nothing, cause=None,
        amount=None, currency=None, price_id=None, is_subscribed=False,
    )  # fmt: skip
    proposed = Proposed(
        None, tenant_id=name, **place, old_quantity=nothing, new_quantity=nothing, price_id="p", amount=1,
        currency="usd", kind=DocumentKind.INVOICE_ITEM, cause=None,
    )  # fmt: skip
    record = CorrectionRecord(1, "k", proposed, "written", "ada", "grace", "ii_1", None, "made", 1)
    invoice = {"invoice_id": "in_1", "status": "open", "stripe_customer_id": "c", "finalized_at": None, "read_at": at}
    hour = BilledHour(name, at, 1, [], [{"path": name, "inserted_count": 1}])
    line = ExplainedLine("il_1", "m", "p", None, None, at, at, nothing, 1, is_invoice_item=False, hours=[hour])
    told = {
        "totals": totals_text({"files": files, "not_compared": not_compared}),
        "differences": differences_text([differs]),
        "correct": correct.as_text(ProposalReport([record], [(difference, "so")]), Month(at.date())),
        "explain": explain.invoice_text(
            InvoiceExplanation({**invoice, "currency": "usd"}, [], [], [line]), with_hours=True
        ),
    }
    added = {of: [each for each in text.splitlines() if each.strip() == "nothing differs"] for of, text in told.items()}
    assert [of for of, lines in added.items() if lines] == []
    assert all(r"t\n  nothing differs" in text for text in told.values())
