"""The results of the data tests, as a table of a pack."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fridge_pipeline.database.check_models import check_tests, tests_of
from fridge_pipeline.database.held_views import HeldViews
from fridge_pipeline.database.models import SqlModel
from fridge_pipeline.finance.rules.evidence_checks import CHECK_COLUMNS
from fridge_pipeline.finance.rules.evidence_format import csv_line, guarded


def write_checks(held: HeldViews, models: Iterable[SqlModel], target: Path) -> None:
    """Runs every data test on what is held of the books: a row a test, and how many rows contradict it."""
    with target.open("x", encoding="utf-8", newline="") as out:
        out.write(csv_line(CHECK_COLUMNS))
        for model in models:
            for result in check_tests(held, list(tests_of(model, None))):
                test = result.test
                told = map(guarded, (model.name, test.name, test.says, test.severity.value))
                out.write(csv_line([*told, result.count]))
