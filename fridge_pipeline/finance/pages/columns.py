"""What a table of the report is made of, and the words for codes of the books."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

import polars as pl

from fridge_pipeline.finance.rules.month_books import MonthBooks
from fridge_pipeline.finance.rules.month_summary import MonthSummary, Verdict
from fridge_pipeline.reason_codes import cause_in_words

NOT_COMPARED = "not compared with Stripe yet"

#: Symbol, word and sentence of each verdict: the colour on the page only repeats them.
VERDICTS = {
    Verdict.TIES_OUT: ("✓", "Ties out", "Every hour agrees from the landing files to Stripe's own books."),
    Verdict.EXPLAINED: ("▲", "Ties out except for what is explained", "Every difference has a cause; see below."),
    Verdict.UNEXPLAINED: ("✕", "Does not tie out", "Some differences have no explanation: the month cannot be closed."),
    Verdict.NOT_COMPARED: (
        "○",
        "Not compared with Stripe yet",
        "Nobody has read Stripe's own books of these hours since they were stated, so nobody knows whether they agree.",
    ),
    Verdict.PARTLY_COMPARED: (
        "○",
        "Compared with Stripe in part",
        "Of these hours none is unexplained. The others are not compared with Stripe yet.",
    ),
    Verdict.NO_DATA: ("○", "No data", "The books hold nothing of this month. That is not a usage of zero."),
}

MONTH_STATES = {
    "open": "Open: nobody has prepared the month for closing.",
    "prepared": "Prepared: control totals are written down, a second person has to approve.",
    "closed": "Closed: two people have signed, the database refuses changes.",
}

#: Symbol and word of the tie-out status of an hour.
HOUR_STATES = {
    "tied": ("✓", "ties out"),
    "explained": ("▲", "explained"),
    "unexplained": ("✕", "unexplained"),
    "not_read": ("○", NOT_COMPARED),
}

STEPS = {
    "files": ("Landing files", "rows in files = inserted + duplicates + rejected"),
    "usage": ("Usage", "usage derived again from the stored readings = usage"),
    "ledger": ("Statements", "usage = newest statement to Stripe"),
    "stripe": ("Stripe", "newest statement = Stripe's own sum"),
}

#: What a reader needs to know, in plain words.
HOW_TO_READ = (
    ("Landing file", "A batch of raw readings as a gateway delivered it. Every number here begins in one."),
    ("Inserted", "A reading stored for the first time. Only these are usage: delivered twice, a reading counts once."),
    ("Duplicate, rejected", "A reading that was stored already; a row that is no valid reading. Neither is billed."),
    ("Hour", "Usage is counted by the UTC hour in which a file arrived. A month has the hours that begin in it."),
    ("Meter", "What is billed by: readings stored, or sensors active. Quantities of two meters are never added."),
    ("Late", "A reading recorded before the hour in which it arrived. It is billed in the hour of its arrival."),
    ("Statement", "What Stripe was told of an hour's usage. A correction is a new revision; nothing is overwritten."),
    ("Derived again", "Usage counted a second time from the stored readings, in another way. Both must agree."),
    ("Stripe's own", "What Stripe's books showed when they were last read. Not read is not zero."),
    (
        "Tie-out",
        "Files, usage, statement and Stripe side by side, hour by hour. A difference has a cause and an amount.",
    ),
    ("Explained", "A difference whose cause is known and stands as an open exception or passes by itself."),
    ("Unexplained", "A difference without a cause. While there is one, the month cannot be closed."),
    ("Nothing on record", "A blank, or a word such as not read: nobody knows the number. It is never shown as 0."),
)


def verdict_in_words(summary: MonthSummary) -> tuple[str, str, str]:
    """Symbol, word and sentence; what was compared in part says how much of it."""
    symbol, word, sentence = VERDICTS[summary.verdict]
    if summary.verdict is Verdict.PARTLY_COMPARED:
        word = compared_in_words(*summary.compared)
    return symbol, word, sentence


def compared_in_words(compared: int, hours: int) -> str:
    """How much of some hours was compared with Stripe's own books."""
    return f"{compared:,} of {hours:,} hours compared with Stripe" if compared or not hours else NOT_COMPARED


def step_in_words(code: str) -> str:
    """The step of the tie-out in which a difference was found."""
    return STEPS[code][0] if code in STEPS else code


def hour_state_in_words(code: str) -> str:
    """The tie-out status of an hour, with its symbol."""
    return " ".join(HOUR_STATES.get(code, ("", code))).strip()


class Kind(Enum):
    """What stands in a column, which decides its format."""

    TEXT = auto()
    CODE = auto()  # identifiers, for machines and support
    CAUSE = auto()
    STEP = auto()
    STATE = auto()
    COUNT = auto()
    NUMBER = auto()  # whole or with decimals
    CHANGE = auto()  # with its sign
    SHARE = auto()
    DAY = auto()
    MOMENT = auto()
    YES_NO = auto()


#: Kinds whose code is told in words.
IN_WORDS: dict[Kind, Callable[[str], str]] = {
    Kind.CAUSE: cause_in_words,
    Kind.STEP: step_in_words,
    Kind.STATE: hour_state_in_words,
}
NUMERIC = frozenset({Kind.COUNT, Kind.NUMBER, Kind.CHANGE, Kind.SHARE})


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name in the frame, its heading, and what stands there when nothing is known."""

    name: str
    heading: str
    kind: Kind = Kind.TEXT
    missing: str = ""
    is_totalled: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table in full; ``meaning`` says what one row is."""

    key: str
    title: str
    meaning: str
    columns: tuple[Column, ...]
    of: Callable[[MonthBooks], pl.DataFrame]

    def frame(self, books: MonthBooks) -> pl.DataFrame:
        """Its rows, with its columns only and in order."""
        return self.of(books).select(column.name for column in self.columns)


def totalled(name: str, heading: str, kind: Kind = Kind.COUNT, missing: str = "none") -> Column:
    """A number that has a total."""
    return Column(name, heading, kind, missing, is_totalled=True)
