"""The control figures of an evidence pack: sums over its CSV files that must agree with one another.

Standard library only, like the format: the same code sums when a pack is made and when it is verified.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from operator import itemgetter
from typing import Protocol

from fridge_pipeline.finance.rules.evidence_format import ANNEX, STATEMENTS, DoesNotHoldError
from fridge_pipeline.finance.rules.evidence_rows import blocks_of_csv, exactly, number_in

#: A tenant and a meter.
Key = tuple[str, str]

#: By tenant and meter; one that has no row, or only empty values, is not in it: missing is not zero.
Sums = dict[Key, Decimal]

#: So many sums of a table are kept at hand; more go where all are kept.
SUMS_AT_HAND = 10_000

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

    @exactly()
    def add(self, path: str, pieces: Iterable[str]) -> int:
        """Sums one CSV file, block by block; returns its number of rows. Raises ``DoesNotHoldError``."""
        folder, _, name = path.partition("/")
        table = STATEMENTS if folder == STATEMENTS else name.removesuffix(".csv")  # all statements are one table
        figures = [each for each in FIGURES if each.table == table and each.in_annex == (folder == ANNEX)]
        self._has_annex |= folder == ANNEX
        days: dict[Figure, Sums] = {figure: defaultdict(Decimal) for figure in figures}
        totals: dict[Figure, Sums] = {figure: {} for figure in figures}
        number, where = -1, None  # the first row has the names of the columns
        for block in blocks_of_csv(path, pieces):
            rows = block.rows if figures or where is None else []
            if self._is_guarded:
                block.require_guarded()
            if where is None:
                where, rows = {column: at for at, column in enumerate(rows[0])}, rows[1:]
                _require_columns(path, table, figures, where)
            for figure in figures:
                self._add_rows(path, figure, rows, where, days[figure], totals[figure])
                if table != STATEMENTS and len(days[figure]) > SUMS_AT_HAND:
                    self._keep(figure, days[figure])
            number += block.count
        if where is None:
            raise DoesNotHoldError(f"{path} is empty: not even a line of column names")
        for figure in figures:
            if table == STATEMENTS:
                there = f"its line of the total ({figure.column})"
                _require_equal(days[figure].items(), totals[figure].items(), f"the days of {path}", there)
            self._keep(figure, days[figure])
        return number

    def _add_rows(
        self, path: str, figure: Figure, rows: list[list[str]], where: Mapping[str, int], days: Sums, totals: Sums
    ) -> None:
        """Adds a figure up. Rows of an hour are many and mostly alike: the same numbers are added once."""
        beside = "day" if figure.table == STATEMENTS else figure.only or figure.column
        columns = itemgetter(*(where[name] for name in ("tenant_id", "meter", figure.column, beside)))
        for (tenant, meter, text, said), times in Counter(map(columns, rows)).items():
            if not text or (figure.only is not None and said != "true"):
                continue
            value = _number(path, figure, tenant, text)
            if figure.table == STATEMENTS and said == TOTAL:
                totals[tenant, meter] = value
            else:
                days[tenant, meter] += times * value

    def _keep(self, figure: Figure, sums: Sums) -> None:
        self._kept.add(FIGURES.index(figure), sums)
        sums.clear()

    def _sums(self, figure: Figure) -> Iterator[tuple[Key, Decimal]]:
        return self._kept.sums(FIGURES.index(figure))

    @exactly()
    def require_agreement(self) -> None:
        """Raises ``DoesNotHoldError`` for the first tenant and meter for which two tables say different things."""
        first: dict[str, Figure] = {}
        for figure in FIGURES:
            if figure.agrees_on is not None and (self._has_annex or not figure.in_annex):
                other = first.setdefault(figure.agrees_on, figure)
                if other is not figure:
                    _require_same(self._sums(other), self._sums(figure), other.name, figure.name)

    @exactly()
    def control_totals(self) -> dict[str, dict[str, str]]:
        """Meter → name of the figure → sum over all tenants, as text so that no reader rounds it."""
        totals: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        for figure in FIGURES:
            for (_, meter), value in self._sums(figure):
                totals[meter][figure.name] += value
        return {meter: {name: _shown(value) for name, value in totals[meter].items()} for meter in sorted(totals)}


def _require_columns(path: str, table: str, figures: Iterable[Figure], where: Mapping[str, int]) -> None:
    wanted = {name for each in figures for name in ("tenant_id", "meter", each.column, each.only) if name}
    wanted |= {"day"} if table == STATEMENTS else set()
    if missing := sorted(wanted - where.keys()):
        raise DoesNotHoldError(f"{path} has no column {', '.join(missing)}")


def _number(path: str, figure: Figure, tenant: str, text: str) -> Decimal:
    try:
        return number_in(text)
    except InvalidOperation:
        raise DoesNotHoldError(
            f"{path}: {figure.column} of tenant {tenant!r} is {text[:40]!r}, which is not a number"
        ) from None


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
