"""The runbook has a section on everything that the program can name, and on nothing else; its queries run."""

from __future__ import annotations

import ast
import re
from datetime import datetime
from pathlib import Path

import pytest

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.definitions import build_definitions
from fridge_pipeline.operations.rules.alert import Family
from fridge_pipeline.reason_codes import DIFFERENCE_CAUSES, EXCEPTION_KINDS, advised
from fridge_pipeline.settings import REPOSITORY, read_settings
from tests.pipeline import Pipeline

RUNBOOK = (REPOSITORY / "docs" / "runbook.md").read_text(encoding="utf-8")

#: Where doctor's health checks are made: the first argument of these calls is the name of a check.
CHECK_FILES = (
    "operations/rules/health_check.py",
    "operations/rules/machine_check.py",
    "operations/check_health.py",
    "orchestration/runs.py",
    "cli/doctor.py",
)
MAKE_CHECKS = {"HealthCheck", "judge_skew", "_guarded"}

PARTS = ("Means", "Check", "Fix", "Left alone")


#: What is before the name in a chapter's headings, and not in its table of short ones.
PREFIXES = {"Health checks of fridge doctor": "Doctor: ", "Checks": "Check: "}


def chapter(title: str) -> dict[str, str]:
    """The sections of a chapter by their heading; a row of its table is a short section."""
    text = RUNBOOK[RUNBOOK.index(f"\n## {title}\n") :].split("\n## ")[1]
    head, *sections = re.split(r"^### ", text, flags=re.MULTILINE)
    found = {section.partition("\n")[0]: section.partition("\n")[2] for section in sections}
    for name, row in re.findall(r"^\| `([^`]+)` \| (.+) \|$", head, re.MULTILINE):
        cells = re.split(r" (?<!\\)\| ", row)
        if len(cells) == len(PARTS):
            found[PREFIXES.get(title, "") + name] = "\n".join(
                f"- **{p}:** {c}" for p, c in zip(PARTS, cells, strict=True)
            )
    return found


def doctor_checks() -> set[str]:
    """The names of all health checks, as the code writes them."""
    names = set()
    for file in CHECK_FILES:
        for node in ast.walk(ast.parse((REPOSITORY / "fridge_pipeline" / file).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MAKE_CHECKS:
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    names.add(str(first.value))
    return names


def test_every_kind_of_exception_has_its_section_and_no_other() -> None:
    assert set(chapter("Exceptions")) == set(EXCEPTION_KINDS)
    assert advised("unmapped").endswith("(docs/runbook.md#unmapped)")


def test_every_cause_of_a_difference_is_in_the_runbook_and_no_other() -> None:
    assert set(chapter("Why numbers differ")) == set(DIFFERENCE_CAUSES) - set(EXCEPTION_KINDS)


def test_every_alert_has_its_section_and_no_other() -> None:
    assert set(chapter("Alerts")) == {f"Alert: {family.value}" for family in Family}


def test_every_health_check_of_doctor_has_its_section_and_no_other() -> None:
    checks = doctor_checks()
    assert {"disk", "Stripe key", "exceptions", "daemon"} <= checks
    assert set(chapter("Health checks of fridge doctor")) == {f"Doctor: {check}" for check in checks}


def test_every_check_has_its_section_and_no_other() -> None:
    """Tests that differ only in the column have one together."""
    names = {
        re.sub(r"^(accepted_values|relationship)_.*", r"\1", key.name)
        for key in build_definitions(read_settings({})).resolve_asset_graph().asset_check_keys
    }
    assert set(chapter("Checks")) == {f"Check: {name}" for name in names}


@pytest.mark.parametrize(
    "title", ["Exceptions", "Why numbers differ", "Alerts", "Health checks of fridge doctor", "Checks"]
)
def test_every_section_says_what_it_means_how_to_check_how_to_fix_and_what_happens_if_nobody_does(title: str) -> None:
    lacking = [
        f"{heading}: {part}"
        for heading, text in chapter(title).items()
        for part in PARTS
        if not re.search(rf"^- \*\*{part}:\*\* \S", text, re.MULTILINE)
    ]
    assert lacking == []


def test_the_queries_of_the_runbook_run(pipeline: Pipeline) -> None:
    queries = re.findall(r"^```sql\n(select .*?)```", RUNBOOK, re.DOTALL | re.MULTILINE)
    queries += re.findall(r"`((?:select|table) [^`]*)`", RUNBOOK)
    assert len(queries) > 7
    for query in queries:
        assert pipeline.rows(query) == [], query


def test_no_page_tells_anybody_to_change_the_books_by_sql() -> None:
    """What a person decides is a command, which records who and why."""
    found = [
        (page.name, line)
        for page in _pages()
        for line in re.findall(
            r"^\s*(?:\w+ \")?(?:update|insert into|delete from) fridge\..*", page.read_text(), re.MULTILINE
        )
    ]
    assert found == []


def test_billing_an_hour_again_overwrites_an_edited_usage_row_of_which_nothing_was_stated(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    """What the runbook tells to do about usage_changed."""
    hour = Hour(two_days_ago)
    pipeline.add_tenant_with_readings("cohoes", hour, 2, 5)
    pipeline.run(hour)
    with pipeline.database.connect() as connection:
        connection.execute("update fridge.usage set quantity = 17 where measure = 'inserted_count'")
    pipeline.bill(hour)
    assert pipeline.stripe_totals("cohoes")["temperature_readings", hour.key] == 10
    pipeline.run(hour)
    assert pipeline.usage() == {("cohoes", hour.key): (10, 2)}
    assert pipeline.stripe_totals("cohoes")["temperature_readings", hour.key] == 10


def test_every_link_between_the_pages_leads_to_a_heading_that_is_there() -> None:
    """Both README.md and all pages; what is printed with an anchor is tested above."""
    readmes = [REPOSITORY / "README.md", REPOSITORY / "stripe_sandbox" / "README.md"]
    pages = {path: path.read_text(encoding="utf-8") for path in [*readmes, *_pages()]}
    anchors = {
        path: {_anchor(each) for each in re.findall(r"^#+ (.*)", text, re.MULTILINE)} for path, text in pages.items()
    }
    broken = []
    for path, text in pages.items():
        for target, anchor in re.findall(r"\]\(([^)#\s:]*)(?:#([^)\s]*))?\)", text):
            to = (path.parent / target).resolve() if target else path
            if not to.exists() or (anchor and to in anchors and anchor not in anchors[to]):
                broken.append(f"{path.name}: {target}#{anchor}")
    assert broken == []


def _pages() -> list[Path]:
    return sorted((REPOSITORY / "docs").rglob("*.md"))


def _anchor(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
