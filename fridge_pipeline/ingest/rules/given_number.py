"""A number as a file has it, and whether it says that nothing was measured: of temperatures, and of numbers beside."""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from fridge_pipeline.ingest.rules.blank import BLANK
from fridge_pipeline.ingest.rules.csv_layout import CsvLayout

#: What stands between each three digits, as a pattern.
_THOUSANDS = {",": ",", ".": r"\.", "'": "['\N{RIGHT SINGLE QUOTATION MARK}]", " ": rf"[{BLANK}]"}

#: What some languages' programs write for a minus.
_MINUS = "\N{MINUS SIGN}"


def given_number(
    value: pl.Expr, dtype: pl.DataType, missing: Sequence[float | str], layout: CsvLayout, ends: str = ""
) -> tuple[pl.Expr, pl.Expr]:
    """The number, null where there is none to be read, and whether it is one of ``missing``.

    In: text without blanks around it, or a number. ``ends`` may stand behind a text's number, ``deg`` before
    them.
    """
    words = [each for each in missing if isinstance(each, str)]
    is_word = pl.lit(value=False)
    if dtype == pl.String:
        is_word = value.is_in(pl.lit(pl.Series(words, dtype=pl.String)).implode())
        value = value.str.strip_chars_end(ends).str.strip_suffix("deg").str.strip_chars_end(BLANK) if ends else value
        value = value.str.replace(_MINUS, "-", literal=True)
        value = _pointed(value, layout)
    elif dtype.is_temporal():
        value = pl.lit(None, pl.Float64)
    number = value.cast(pl.Float64, strict=False)
    if any(word.lower() == "nan" for word in words):  # many programs write a missing number so
        is_word |= number.is_nan()
    sentinels = _stored([each for each in missing if not isinstance(each, str)])
    return number, is_word | number.is_in(pl.lit(sentinels).implode())


def _pointed(text: pl.Expr, layout: CsvLayout) -> pl.Expr:
    """The text of a number with a decimal point, and nothing between its digits else; of anything else as it was."""
    decimal, between = re.escape(layout.decimal), _THOUSANDS.get(layout.thousands)
    if between:
        is_grouped = text.str.contains(rf"^[+-]?[0-9]{{1,3}}(?:{between}[0-9]{{3}})+(?:{decimal}[0-9]*)?$")
        text = pl.when(is_grouped).then(text.str.replace_all(between, "")).otherwise(text)
    return text if layout.decimal == "." else text.str.replace(layout.decimal, ".", literal=True)


def _stored(numbers: Sequence[float]) -> pl.Series:
    """The numbers, and what they become in a file that keeps them in 32 bits: -99.9 is -99.9000015 there."""
    exact = pl.Series(numbers, dtype=pl.Float64)
    return pl.concat([exact, exact.cast(pl.Float32).cast(pl.Float64)])
