"""The control figures of an evidence pack: sums over its CSV files that must agree with one another.

Standard library only, like the format: the same code sums when a pack is made and when it is verified.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Protocol

from fridge_pipeline.finance.rules.evidence_format import ANNEX, FORMULA_BEGINS, STATEMENTS, DoesNotHoldError

#: A tenant and a meter.
Key = tuple[str, str]

#: By tenant and meter; one that has no row, or only empty values, is not in it: missing is not zero.
Sums = dict[Key, Decimal]

#: So many sums of a table are kept at hand; more go where all are kept.
SUMS_AT_HAND = 10_000

#: Beyond this a number is no quantity, and would take long to write out.
EXPONENT_MAX = 100

#: What a row of a CSV file has at most: longer than any answer of Stripe or detail of an exception, and far from
#: filling the memory.
ROW_CHARACTERS_MAX = 2**20

#: What stands in a statement's day column in the line that sums up a meter.
TOTAL = "total"


@dataclass(frozen=True, slots=True)
class Figure:
    """A column that is summed per tenant and meter; figures with the same ``agrees_on`` must be equal.

    ``only`` is a column that must say ``true`` for a row to count. One ``in_annex`` is of a pack that has one.
    """

    table: str
    column: str
    agrees_on: str | None = None
    only: str | None = None
    in_annex: bool = False

    @property
    def name(self) -> str:
        """As it stands in pack.json."""
        return f"{self.table}.{self.column}"


FIGURES = (
    Figure("usage_monthly", "quantity", "usage"),
    Figure("usage_daily", "quantity", "usage"),
    Figure("usage_hourly", "quantity", "usage"),
    Figure("tie_out", "usage_quantity", "usage"),
    Figure(STATEMENTS, "usage", "usage"),
    Figure("signed_figures", "signed_usage", "usage", in_annex=True),
    Figure("tie_out", "stated_quantity", "what was stated"),
    Figure(STATEMENTS, "stated", "what was stated"),
    Figure("tie_out", "stripe_quantity", "what Stripe shows"),
    Figure(STATEMENTS, "stripe", "what Stripe shows"),
    Figure("billing_ledger", "quantity", only="is_counted_by_stripe"),
)


class KeptSums(Protocol):
    """Where sums are kept, by the number of their figure in ``FIGURES``: there are as many as tenants and meters."""

    def add(self, figure: int, sums: Mapping[Key, Decimal]) -> None:
        """Adds to the sums of a figure."""

    def sums(self, figure: int) -> Iterator[tuple[Key, Decimal]]:
        """Each sum of a figure, by tenant and meter."""


class Tally:
    """The sums over all CSV files of a pack; ``is_guarded`` says whether no field of them may begin like a formula."""

    def __init__(self, kept: KeptSums, *, is_guarded: bool = True) -> None:
        self._kept = kept
        self._is_guarded = is_guarded
        self._has_annex = False

    def add(self, path: str, lines: Iterable[str]) -> int:
        """Sums one CSV file, row by row; returns its number of rows. Raises ``DoesNotHoldError`` with path and line."""
        rows = self._rows(path, lines)
        columns = next(rows, None)
        if not columns:
            raise DoesNotHoldError(f"{path} is empty: not even a line of column names")
        folder, _, name = path.partition("/")
        table = STATEMENTS if folder == STATEMENTS else name.removesuffix(".csv")  # all statements are one table
        where = {column: at for at, column in enumerate(columns)}
        figures = [each for each in FIGURES if each.table == table and each.in_annex == (folder == ANNEX)]
        self._has_annex |= folder == ANNEX
        wanted = {name for each in figures for name in ("tenant_id", "meter", each.column, each.only) if name}
        wanted |= {"day"} if table == STATEMENTS else set()
        if missing := sorted(wanted - where.keys()):
            raise DoesNotHoldError(f"{path} has no column {', '.join(missing)}")
        days: dict[Figure, Sums] = {figure: defaultdict(Decimal) for figure in figures}
        totals: dict[Figure, Sums] = {figure: {} for figure in figures}
        number = 0
        for number, row in enumerate(rows, start=1):  # the last number is how many there are
            is_total = table == STATEMENTS and row[where["day"]] == TOTAL
            for figure in figures:
                text = row[where[figure.column]]
                if not text or (figure.only is not None and row[where[figure.only]] != "true"):
                    continue
                key = (row[where["tenant_id"]], row[where["meter"]])
                value = _number(path, number, figure, text)
                if is_total:
                    totals[figure][key] = value
                else:
                    days[figure][key] += value
                    if table != STATEMENTS and len(days[figure]) > SUMS_AT_HAND:
                        self._keep(figure, days[figure])
        for figure in figures:
            if table == STATEMENTS:
                there = f"its line of the total ({figure.column})"
                _require_equal(days[figure].items(), totals[figure].items(), f"the days of {path}", there)
            self._keep(figure, days[figure])
        return number

    def _keep(self, figure: Figure, sums: Sums) -> None:
        self._kept.add(FIGURES.index(figure), sums)
        sums.clear()

    def _sums(self, figure: Figure) -> Iterator[tuple[Key, Decimal]]:
        return self._kept.sums(FIGURES.index(figure))

    def _rows(self, path: str, lines: Iterable[str]) -> Iterator[list[str]]:
        rows = rows_of_csv(path, lines)
        return _guarded_rows(path, rows) if self._is_guarded else rows

    def require_agreement(self) -> None:
        """Raises ``DoesNotHoldError`` for the first tenant and meter for which two tables say different things."""
        first: dict[str, Figure] = {}
        for figure in FIGURES:
            if figure.agrees_on is not None and (self._has_annex or not figure.in_annex):
                other = first.setdefault(figure.agrees_on, figure)
                if other is not figure:
                    _require_same(self._sums(other), self._sums(figure), other.name, figure.name)

    def control_totals(self) -> dict[str, dict[str, str]]:
        """Meter → name of the figure → sum over all tenants, as text so that no reader rounds it."""
        totals: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        for figure in FIGURES:
            for (_, meter), value in self._sums(figure):
                totals[meter][figure.name] += value
        return {meter: {name: _shown(value) for name, value in totals[meter].items()} for meter in sorted(totals)}


def rows_of_csv(path: str, lines: Iterable[str]) -> Iterator[list[str]]:
    """The names of the columns and then every row, of which none is longer than any of a pack."""
    characters_of_row = 0

    def bounded() -> Iterator[str]:
        nonlocal characters_of_row
        for line in lines:
            characters_of_row += len(line)
            if characters_of_row > ROW_CHARACTERS_MAX:
                raise DoesNotHoldError(f"{path} has a row of more than {ROW_CHARACTERS_MAX:,} characters")
            yield line

    csv.field_size_limit(ROW_CHARACTERS_MAX)
    reader = csv.reader(bounded(), strict=True)
    width = None
    try:
        for number, row in enumerate(reader):
            characters_of_row = 0
            width = len(row) if width is None else width
            if len(row) != width:
                raise DoesNotHoldError(f"{path}, row {number}: {len(row)} fields where there are {width} columns")
            yield row
    except (csv.Error, UnicodeDecodeError) as error:
        raise DoesNotHoldError(f"{path}, line {reader.line_num + 1}: not readable as CSV: {error}") from error


def _guarded_rows(path: str, rows: Iterable[list[str]]) -> Iterator[list[str]]:
    for number, row in enumerate(rows):
        for field in row:
            if field and field[0] in FORMULA_BEGINS and not _is_number(field):
                raise DoesNotHoldError(f"{path}, row {number}: {field[:40]!r} begins like a spreadsheet's formula")
        yield row


def number_in(text: str) -> Decimal:
    """A quantity as a field has it: finite, and of a size that quantities have. Raises ``InvalidOperation``."""
    value = Decimal(text)
    if not value.is_finite() or abs(value.adjusted()) > EXPONENT_MAX:
        raise InvalidOperation
    return value


def _is_number(text: str) -> bool:
    try:
        number_in(text)
    except InvalidOperation:
        return False
    return True


def _number(path: str, row: int, figure: Figure, text: str) -> Decimal:
    try:
        return number_in(text)
    except InvalidOperation:
        raise DoesNotHoldError(f"{path}, row {row}: {figure.column} is {text[:40]!r}, which is not a number") from None


def _require_equal(
    ours: Iterable[tuple[Key, Decimal]], theirs: Iterable[tuple[Key, Decimal]], our_name: str, their_name: str
) -> None:
    _require_same(iter(sorted(ours)), iter(sorted(theirs)), our_name, their_name)


def _require_same(
    ours: Iterator[tuple[Key, Decimal]], theirs: Iterator[tuple[Key, Decimal]], our_name: str, their_name: str
) -> None:
    """The same of sums in the order of tenant and meter, of which two are looked at at a time."""
    one, other = next(ours, None), next(theirs, None)
    while one is not None or other is not None:
        key = min(each[0] for each in (one, other) if each is not None)
        here = one[1] if one is not None and one[0] == key else None
        there = other[1] if other is not None and other[0] == key else None
        if here != there:
            tenant, meter = key
            raise DoesNotHoldError(
                f"the sums for tenant {tenant!r} and meter {meter} differ: {_shown(here)} in {our_name}, "
                f"{_shown(there)} in {their_name}"
            )
        one = next(ours, None) if here is not None else one
        other = next(theirs, None) if there is not None else other


def _shown(value: Decimal | None) -> str:
    """A sum for people and for pack.json; nothing is not zero."""
    if value is None:
        return "nothing"
    return str(int(value)) if value == value.to_integral_value() else str(value)
