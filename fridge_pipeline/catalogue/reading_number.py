"""A number that a source keeps with its readings besides the temperature, and that measures may be made of.

It is stored as a whole number of parts, so that sums are exact: an integer as it is, a decimal in thousandths.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum


class NumberType(StrEnum):
    """What a number is; the same in every source that has it, for good."""

    INTEGER = "integer"
    DECIMAL = "decimal"

    @property
    def parts(self) -> int:
        """In how many parts of one it is stored."""
        return 1000 if self is NumberType.DECIMAL else 1


#: The largest whole number of parts, to both sides of zero: nine billion of them add up to what 64 bits hold.
PARTS_MAX = 1_000_000_000

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")

#: Columns of a reading, and words of a condition.
_TAKEN = frozenset(
    {"tenant_id", "sensor_id", "sensor_key", "file_id", "recorded_at", "temperature_c", "numbers", "hour"}
    | {"and", "or", "not", "in", "between", "like", "extract", "from"}
)


def is_name(text: str) -> bool:
    """Whether a number may be called so."""
    return bool(_NAME.fullmatch(text)) and text not in _TAKEN


@dataclass(frozen=True, slots=True)
class ReadingNumber:
    """A number by its name; ``place`` is where it stands in ``stored_readings.numbers``, once the books say so."""

    name: str
    type: NumberType
    place: int | None = field(default=None, compare=False)

    @property
    def index(self) -> int:
        """The same, counted from 0. Raises ``ValueError`` where the books were not asked."""
        if self.place is None:
            raise ValueError(f"nobody has asked the books where the number {self.name} stands")
        return self.place - 1
