"""Books that are made once: nothing changes them."""

from __future__ import annotations

from dataclasses import fields

import pytest

from fridge_pipeline.finance.pages.explanation import Explanation
from fridge_pipeline.finance.pages.page import render_page
from fridge_pipeline.finance.rules.month_books import MonthBooks
from fridge_pipeline.finance.rules.month_detail import notable_hours
from tests.finance.report.books import MADE_AT, troubled_books
from tests.finance.report.decided_books import with_decisions
from tests.finance.report.html_reading import PageRead
from tests.pipeline import CLOSE_AFTER


def explained(books: MonthBooks) -> list[Explanation]:
    """Explanations as the books' reader gives them, of the hours that need one."""
    return [
        Explanation(
            tenant_id=tenant,
            hour=hour.key,
            is_open=False,
            closes_at=hour.closes_at(CLOSE_AFTER),
            usage={"inserted_count": 140, "active_sensors": 9},
            **{each.name: [] for each in fields(Explanation) if each.type == "list[dict[str, Any]]"},
        )
        for tenant, hour in notable_hours(books)[:100]
    ]


@pytest.fixture(scope="session")
def troubled() -> MonthBooks:
    return with_decisions(troubled_books())


@pytest.fixture(scope="session")
def page_text(troubled: MonthBooks) -> str:
    return render_page(troubled, explained(troubled), MADE_AT)


@pytest.fixture(scope="session")
def page(page_text: str) -> PageRead:
    return PageRead(page_text)
