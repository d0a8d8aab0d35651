"""A source's regular expressions, found in names that a stranger gives: by polars, whose search takes linear time.

Python's own goes back and tries anew, and a short name can keep it busy for years.
https://docs.rs/regex/latest/regex/#untrusted-input
"""

from __future__ import annotations

from collections.abc import Sequence

# Every command reads the settings; few installations have a source with a pattern, and nothing else there needs polars.


def refusal_of(pattern: str) -> str | None:
    """Why it cannot be searched for; nothing when it can."""
    import polars as pl  # noqa: PLC0415

    try:
        pl.Series([""]).str.contains(pattern)
    except pl.exceptions.ComputeError as error:
        return " ".join(str(error).split())[-200:]
    return None


def matching(pattern: str, names: Sequence[str]) -> list[bool]:
    """Of each name whether the pattern is found in it."""
    import polars as pl  # noqa: PLC0415

    return pl.Series(names, dtype=pl.String).str.contains(pattern).to_list()


def group_in(pattern: str, group: str, name: str) -> str | None:
    """What a named group of the pattern is in a name; nothing where it is not found."""
    import polars as pl  # noqa: PLC0415

    found = pl.Series([name]).str.extract_groups(pattern).struct.field(group)
    return str(found[0]) if found[0] is not None else None
