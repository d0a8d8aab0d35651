"""What a table of the report is made of; each column is described once, for the page and for the workbook."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial

import polars as pl

from fridge_pipeline.finance.pages.words import action_in_words, hour_state_in_words, step_in_words
from fridge_pipeline.finance.rules.month_books import HourBooks, MonthBooks
from fridge_pipeline.reason_codes import cause_in_words


class Kind(Enum):
    """What stands in a column, which decides its format."""

    TEXT = auto()
    SENTENCE = auto()
    SPAN = auto()  # one hour, or how many from when to when
    CODE = auto()  # identifiers, for machines and support
    CAUSE = auto()
    CAUSES = auto()  # several, with commas between
    STEP = auto()
    STATE = auto()
    ACTION = auto()
    COUNT = auto()
    NUMBER = auto()  # whole or with decimals
    CHANGE = auto()  # with its sign
    SHARE = auto()
    DAY = auto()
    MONTH = auto()  # by its first day
    MOMENT = auto()
    YES_NO = auto()


#: Kinds whose code is told in words.
IN_WORDS: dict[Kind, Callable[[str], str]] = {
    Kind.CAUSE: cause_in_words,
    Kind.CAUSES: lambda codes: "; ".join(map(cause_in_words, codes.split(", "))),
    Kind.STEP: step_in_words,
    Kind.STATE: hour_state_in_words,
    Kind.ACTION: action_in_words,
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name in the frames, its heading, and what the page says when nothing is known."""

    name: str
    heading: str
    kind: Kind = Kind.TEXT
    missing: str = ""


COLUMNS = {
    column.name: column
    for column in (
        Column("tenant_id", "Tenant", missing="none"),
        Column("tenant_name", "Name"),
        Column("meter", "Meter"),
        Column("sensor_id", "Sensor"),
        Column("hour", "Hour (UTC)", Kind.MOMENT, "no hour"),
        Column("span", "Hours (UTC)", Kind.SPAN, "no hour"),
        Column("usage_date", "Day (UTC)", Kind.DAY),
        Column("first_hour", "First hour (UTC)", Kind.MOMENT),
        Column("last_hour", "Last hour (UTC)", Kind.MOMENT),
        Column("file_rows", "Rows in files", Kind.COUNT),
        Column("inserted", "Inserted", Kind.COUNT),
        Column("duplicates", "Duplicates", Kind.COUNT),
        Column("rejected", "Rejected", Kind.COUNT),
        Column("hours_not_recorded", "Hours not recorded", Kind.COUNT),
        Column("quantity", "Usage", Kind.COUNT),
        Column("usage_quantity", "Usage", Kind.COUNT),
        Column("derived_quantity", "Derived again", Kind.COUNT),
        Column("stated", "Stated to Stripe", Kind.COUNT),
        Column("stated_quantity", "Stated to Stripe", Kind.COUNT),
        Column("stated_revision", "Revision", Kind.COUNT),
        Column("stripe", "Stripe's own", Kind.NUMBER),
        Column("stripe_quantity", "Stripe's own", Kind.NUMBER),
        Column("stripe_read_at", "Stripe read at (UTC)", Kind.MOMENT),
        Column("hours_with_usage", "Hours with usage", Kind.COUNT),
        Column("hours_different", "Hours that differ", Kind.COUNT),
        Column("hours_unexplained", "Hours unexplained", Kind.COUNT),
        Column("hours_not_read", "Hours not compared", Kind.COUNT),
        Column("late_readings", "Late readings", Kind.COUNT),
        Column("late_share", "Late share", Kind.SHARE),
        Column("tie_out", "Tie-out", Kind.STATE),
        Column("state", "Status", Kind.STATE),
        Column("step", "Found in", Kind.STEP),
        Column("expected", "Expected", Kind.NUMBER),
        Column("found", "Found", Kind.NUMBER),
        Column("amount", "Difference", Kind.CHANGE),
        Column("amount_in_all", "Amount", Kind.CHANGE, "unknown"),
        Column("cause", "Cause", Kind.CAUSE, "unexplained"),
        Column("is_explained", "Explained", Kind.YES_NO),
        Column("detail", "In detail", Kind.SENTENCE),
        Column("largest_detail", "In detail, the largest", Kind.SENTENCE),
        Column("urgent_detail", "In detail, the most urgent", Kind.SENTENCE),
        Column("kind", "Kind", Kind.CAUSE),
        Column("owed", "Units owed", Kind.NUMBER, "not a quantity"),
        Column("money", "Money"),
        Column("subject", "About"),
        Column("signed_usage", "Signed usage", Kind.NUMBER, "none"),
        Column("usage_now", "Usage now", Kind.NUMBER, "none"),
        Column("change_in_usage", "Change", Kind.CHANGE),
        Column("signed_stated", "Signed: stated", Kind.NUMBER, "none"),
        Column("stated_now", "Stated now", Kind.NUMBER, "none"),
        Column("signed_stripe", "Signed: Stripe's own", Kind.NUMBER, "not read"),
        Column("stripe_now", "Stripe's own now", Kind.NUMBER, "not read"),
        Column("hours_changed", "Hours changed", Kind.COUNT),
        Column("causes", "Causes", Kind.CAUSES),
        Column("opened_at", "Opened at (UTC)", Kind.MOMENT),
        Column("days_open", "Days open", Kind.NUMBER),
        Column("deadline_at", "Deadline (UTC)", Kind.MOMENT),
        Column("days_left", "Days left", Kind.NUMBER, "no deadline"),
        Column("waiting_since", "Waiting since (UTC)", Kind.MOMENT),
        Column("bill_until", "Bill until (UTC)", Kind.MOMENT),
        Column("silent_from", "Silent from (UTC)", Kind.MOMENT),
        Column("silent_until", "Until (UTC)", Kind.MOMENT, "still silent"),
        Column("hours_silent", "Hours silent", Kind.COUNT),
        Column("outcome_in_words", "Outcome"),
        Column("cause_of_outcome", "Why"),
        Column("outcome_quantity", "Quantity", Kind.NUMBER),
        Column("percent", "Percent of usage", Kind.NUMBER),
        Column("how", "Ended as", Kind.CAUSE),
        Column("settled_quantity", "Quantity", Kind.COUNT, "not known"),
        Column("document", "Document", missing="none"),
        Column("settled_by", "By"),
        Column("approved_by", "Approved by", missing="not needed"),
        Column("customer_before", "Customer before", Kind.CODE, "none"),
        Column("customer_after", "Customer from then on", Kind.CODE, "none"),
        Column("changed_at", "From (UTC)", Kind.MOMENT),
        Column("changed_by", "By"),
        Column("os_user", "System user", missing="not recorded"),
        Column("os_host", "Machine", missing="not recorded"),
        Column("readings_per_hour_before", "Readings per hour before", Kind.NUMBER, "unknown"),
        Column("revision", "Revision", Kind.COUNT),
        Column("quantity_before", "Before", Kind.COUNT, "none"),
        Column("quantity_after", "After", Kind.COUNT, "none"),
        Column("change", "Change", Kind.CHANGE, "none"),
        Column("reason", "Why", Kind.SENTENCE, "not recorded"),
        Column("decision", "Switch"),
        Column("setting", "Set to"),
        Column("decided_by", "By", missing="nobody"),
        Column("decided_at", "Since (UTC)", Kind.MOMENT, "the beginning"),
        Column("until", "Until (UTC)", Kind.MOMENT, "it holds"),
        Column("caused_by", "Who", missing="not recorded"),
        Column("restated_at", "When (UTC)", Kind.MOMENT),
        Column("ledger_quantity", "Quantity", Kind.COUNT),
        Column("is_difference", "Is a difference", Kind.YES_NO),
        Column("status", "Status"),
        Column("statement_status", "Statement"),
        Column("is_counted_by_stripe", "Counts", Kind.YES_NO),
        Column("stripe_customer_id", "Stripe customer", Kind.CODE),
        Column("http_status", "HTTP status", Kind.COUNT),
        Column("request_id", "Stripe request", Kind.CODE),
        Column("answer", "Answer"),
        Column("staged_at", "Staged at (UTC)", Kind.MOMENT),
        Column("settled_at", "Settled at (UTC)", Kind.MOMENT),
        Column("month_billed", "Billed in", Kind.MONTH),
        Column("month_recorded", "Recorded in", Kind.MONTH, "not on record"),
        Column("signoff_id", "Number", Kind.COUNT),
        Column("action", "What", Kind.ACTION),
        Column("signed_by", "Who"),
        Column("signed_at", "When (UTC)", Kind.MOMENT),
        Column("why", "Why", Kind.SENTENCE),
        Column("released_by", "Who"),
        Column("released_at", "When (UTC)", Kind.MOMENT),
        Column("released_meter", "Meter", missing="every meter"),
        Column("path", "File"),
        Column("file_status", "Read"),
        Column("is_withdrawn", "Withdrawn", Kind.YES_NO),
        Column("withdrawn_by", "Who"),
        Column("withdrawn_at", "When (UTC)", Kind.MOMENT),
        Column("loaded_at", "Loaded at (UTC)", Kind.MOMENT),
        Column("content_hash", "SHA-256", Kind.CODE),
        Column("identifier", "Identifier", Kind.CODE),
        Column("run_id", "Run", Kind.CODE),
    )
}


@dataclass(frozen=True, slots=True)
class Table:
    """A table; ``meaning`` says what one row is, ``names`` its columns, ``totals`` those that have a total.

    ``of`` makes its rows of the month's books, or ``of_hours`` portion by portion, in the order of the tenants.
    """

    title: str
    meaning: str
    names: str
    of: Callable[[MonthBooks], pl.DataFrame] | None = None
    totals: str = ""
    of_hours: Callable[[HourBooks], pl.DataFrame] | None = None

    @property
    def columns(self) -> list[Column]:
        """Its columns, in order."""
        return [COLUMNS[name] for name in self.names.split()]

    def portions(self, books: MonthBooks) -> list[Callable[[], pl.DataFrame]]:
        """Its rows, with its columns only and in order; each portion is made when it is called."""
        if self.of_hours is not None:
            return [partial(self._of_portion, self.of_hours, read) for read in books.portions]
        whole = self.of(books).select(self.names.split()) if self.of is not None else pl.DataFrame()
        return [lambda: whole]

    def frame(self, books: MonthBooks) -> pl.DataFrame:
        """All of them."""
        return pl.concat(portion() for portion in self.portions(books))

    def _of_portion(self, of: Callable[[HourBooks], pl.DataFrame], read: Callable[[], HourBooks]) -> pl.DataFrame:
        return of(read()).select(self.names.split())


@dataclass(frozen=True, slots=True)
class Section:
    """A table as the page shows it; the ``sheet`` has every row, ``nothing`` is what to say of none."""

    table: Table
    sheet: Table
    intro: str
    nothing: str

    @property
    def anchor(self) -> str:
        """Its id on the page."""
        return self.sheet.title.lower().replace(" ", "-")
