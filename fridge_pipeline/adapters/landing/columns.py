"""The four columns of a reading among all the columns of a landing file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fridge_pipeline.adapters.landing.errors import UnreadableFileError
from fridge_pipeline.domain.blank import BLANK
from fridge_pipeline.domain.reading import FIELDS

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAMES_SHOWN_MAX = 20
_NAME_LENGTH_SHOWN_MAX = 60


def places_of_fields(found: Sequence[str]) -> list[int]:
    """Where ``FIELDS`` stand among the column names found in a file, counted from 0.

    Blanks around a name do not matter; anything else does. Raises ``UnreadableFileError`` naming what is
    missing and what was found, or the field that more than one column claims to be.
    """
    names = [name.strip(BLANK) for name in found]
    missing = [field for field in FIELDS if field not in names]
    if missing:
        raise missing_columns(missing, names)
    for field in FIELDS:
        if names.count(field) > 1:
            raise UnreadableFileError(f"{names.count(field)} columns are called {field}; name one of them differently")
    return [names.index(field) for field in FIELDS]


def missing_columns(missing: Sequence[str], found: Sequence[str]) -> UnreadableFileError:
    """The error for a file without some of the four columns, with a bounded list of those it has."""
    shown = ", ".join(repr(name[:_NAME_LENGTH_SHOWN_MAX]) for name in found[:_NAMES_SHOWN_MAX])
    more = len(found) - _NAMES_SHOWN_MAX
    return UnreadableFileError(
        f"missing columns: {', '.join(missing)}; found: {shown}" + (f" and {more} more" if more > 0 else "")
    )
