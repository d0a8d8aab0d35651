"""The four columns of a reading among all the columns of a landing file.

What else a header says is told in numbers only: what was delivered by mistake, or on purpose, may be somebody's
secrets, and exceptions are read by many.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fridge_pipeline.ingest.landing.landing_errors import UnreadableFileError
from fridge_pipeline.ingest.rules.blank import BLANK
from fridge_pipeline.ingest.rules.reading import FIELDS

if TYPE_CHECKING:
    from collections.abc import Sequence


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
    """The error for a file without some of the four columns: which of them it has, and how many and how long others."""
    own = [field for field in FIELDS if field in found]
    alike = {name.lower() for name in found if name not in FIELDS}
    own += [f"{field} in other letters" for field in FIELDS if field in alike]
    if any(all(field in name for field in FIELDS) for name in found):
        own.append("all four in one name, so what separates them is no comma")
    lengths = [len(name) for name in found if name not in FIELDS]
    others = f"{len(lengths)} other names of {min(lengths)} to {max(lengths)} characters" if lengths else ""
    return UnreadableFileError(
        f"missing columns: {', '.join(missing)}; found: {', '.join(filter(None, [*own, others])) or 'nothing'}"
    )
