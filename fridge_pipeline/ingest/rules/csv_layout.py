"""How a file's text is laid out: the cells of csv, and the numbers in them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CsvLayout:
    """A header that is given stands in no line of the file. ``short_rows`` may leave out cells at their end.

    ``thousands`` separates each three digits before the ``decimal`` sign; a blank is any, and ``'`` also a curly one.
    """

    delimiter: str = ","
    skip_lines: int = 0
    decimal: str = "."
    header: tuple[str, ...] = ()
    short_rows: bool = False
    thousands: str = ""
