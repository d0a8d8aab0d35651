"""What a table of the report is made of: columns with a kind, which decides how page and workbook show them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

import polars as pl

from fridge_pipeline.finance.pages.words import hour_state_in_words, step_in_words
from fridge_pipeline.finance.rules.month_books import MonthBooks
from fridge_pipeline.reason_codes import cause_in_words


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
