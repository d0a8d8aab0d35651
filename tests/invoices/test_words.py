"""Causes of invoices stand in one place, and what else names them agrees with it."""

from __future__ import annotations

from fridge_pipeline.difference_causes import INVOICE_CAUSES, invoice_cause_in_words
from fridge_pipeline.invoices.rules.compare_period import InvoiceCause
from tests.docs.test_runbook import PARTS, chapter
from tests.invoices.conftest import InvoicedBooks


def test_every_cause_has_words_a_section_of_the_runbook_and_a_row_in_the_database_and_no_other_has() -> None:
    assert {cause.value for cause in InvoiceCause} == set(INVOICE_CAUSES)
    sections = chapter("Why an invoice differs")
    assert set(sections) == set(INVOICE_CAUSES)
    assert [name for name, text in sections.items() if not all(f"- **{part}:** " in text for part in PARTS)] == []
    assert invoice_cause_in_words("of_a_newer_version") == "of a newer version"


def test_the_database_has_exactly_the_causes_of_the_code(books: InvoicedBooks) -> None:
    rows = books.pipeline.rows(
        "select cause, words, meaning, what_to_do, is_explained, needs_correction"
        ' from fridge.invoice_causes order by "position"'
    )
    assert rows == [
        (code, each.words, each.meaning, each.do, each.is_explained, each.needs_correction)
        for code, each in INVOICE_CAUSES.items()
    ]


def test_what_nothing_explains_needs_a_person() -> None:
    assert [code for code, each in INVOICE_CAUSES.items() if not (each.is_explained or each.needs_correction)] == []
