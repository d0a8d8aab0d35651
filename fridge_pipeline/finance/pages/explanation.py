"""Why this number: what the books hold about one tenant and hour, as data and as text."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from fridge_pipeline.ingest.rules.landing_files import REJECTED_KEPT_MAX
from fridge_pipeline.invoices.rules.money import money
from fridge_pipeline.visible import one_line

PAGES = "fridge_pipeline.finance.pages"


@dataclass(frozen=True, slots=True)
class Explanation:
    """One tenant-hour from files to receipts; each list holds one mapping per row, named as in the tables.

    Of each file there is what became of the tenant's rows, ``None`` where ``tenant_is_recorded`` is false, and
    ``rejected`` holds the first of those that were rejected, by ``file_id``. A file that was withdrawn has
    ``withdrawn_at``, ``withdrawn_by`` and ``withdrawal_reason``. Attempts, readbacks and cancellations belong to a
    statement by its ``identifier``. ``stripe`` has Stripe's sum of the hour per meter and customer: ``value``, ``None``
    when it is not known, ``read_at``, ``source`` and ``detail``. ``settlements`` are what people have ended of the
    hour, ``invoice_lines_of_hour`` lines, as they were read last, whose period it lies in. ``runs`` are those that
    loaded the files and staged the statements, as far as they are on record, with the code that they ran.
    """

    tenant_id: str
    hour: str
    is_open: bool
    closes_at: datetime
    usage: dict[str, int | None]
    files: list[dict[str, Any]]
    rejected: list[dict[str, Any]]
    statements: list[dict[str, Any]]
    attempts: list[dict[str, Any]]
    readbacks: list[dict[str, Any]]
    cancellations: list[dict[str, Any]]
    stripe: list[dict[str, Any]]
    exceptions: list[dict[str, Any]]
    settlements: list[dict[str, Any]]
    invoice_lines_of_hour: list[dict[str, Any]]
    runs: list[dict[str, Any]]


def plain(value: object) -> object:
    """For what JSON has no word for: numbers of Stripe stay numbers, times become text."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value)


def explanation_text(explanation: Explanation) -> str:
    """The explanation for a person, from the files to Stripe's answers."""
    files, runs = explanation.files, explanation.runs
    own = [file for file in files if _has_rows(file)]
    by_code: dict[tuple[str, str], list[str]] = {}
    for run in runs:
        by_code.setdefault((run["program_version"], run["source_sha256"]), []).append(run["run_id"])
    named = {row["run_id"] for row in (*files, *explanation.statements)}
    text = _template().render(
        asdict(explanation),
        own_files=own,
        unrecorded=sum(not file["tenant_is_recorded"] for file in files if not _has_rows(file)),
        nobodys=sum(file["unknown_tenant_count"] or 0 for file in files),
        runs_by_code=by_code,
        unknown_runs=sorted(named - {run["run_id"] for run in runs}),
        kept_max=REJECTED_KEPT_MAX,
        plain=plain,
    )
    return text.rstrip("\n")


def _has_rows(file: dict[str, Any]) -> bool:
    """Whether a file is known to hold rows of the tenant."""
    return bool(file["tenant_row_count"] or file["tenant_inserted_count"])


def templates_of(package: str, *, autoescape: bool = True, **more: Any) -> Environment:
    """The templates of a package, which refuse what nobody told them; everything that they show is escaped."""
    return Environment(
        loader=PackageLoader(package),
        autoescape=autoescape,  # noqa: S701  # but for a text, of which no value brings a character that acts
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        **more,
    )


@cache
def _template() -> Template:
    environment = templates_of(PAGES, autoescape=False, finalize=lambda value: one_line(str(value)))
    return environment.get_template("explanation.txt.j2", globals={"money": money})
