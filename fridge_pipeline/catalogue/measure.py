"""The measures: what is counted of the readings that were inserted in an hour.

Two are always there and have their own views and assets. Further ones are declared in the file of ``FRIDGE_METERS``,
and need no code: polars counts them by ``usage/rules/measuring.py``, and SQL a second time by
``fridge.measured_of_files``, both from the definition that stands in ``fridge.measures``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from fridge_pipeline.catalogue.condition import SENSOR_ID, Condition, columns_of
from fridge_pipeline.catalogue.reading_number import ReadingNumber

#: The asset that counts all declared measures.
DECLARED_MEASURES = "declared_measures"


class Aggregate(StrEnum):
    """How one quantity is made of the readings of a tenant and hour."""

    COUNT = "count"  # of the readings
    DISTINCT = "distinct"  # of their sensors
    SUM = "sum"
    MIN = "min"
    MAX = "max"


#: These make a quantity of numbers. Temperatures are each times the scale and rounded to a whole one, half to even, and
#: then summed or compared; what a source keeps besides is summed as it is, and the sum times the scale is rounded.
OF_NUMBERS = frozenset({Aggregate.SUM, Aggregate.MIN, Aggregate.MAX})


@dataclass(frozen=True, slots=True)
class Measure:
    """What is counted, per tenant and hour; the name stands in ``fridge.usage`` and in ``FRIDGE_METERS``.

    ``asset`` is the asset that counts it. ``counted_from`` is the first hour of a declared one, as the books or the
    file say. ``numbers`` are those of its columns that only some sources have. Two with the same definition are equal
    whatever hour they are counted from.
    """

    name: str
    aggregate: Aggregate
    column: str = SENSOR_ID
    condition: Condition | None = None
    scale: int = 1
    asset: str = DECLARED_MEASURES
    counted_from: datetime | None = field(default=None, compare=False)
    numbers: tuple[ReadingNumber, ...] = field(default=(), compare=False)

    @property
    def is_declared(self) -> bool:
        """Whether it comes from the file, and not with the program."""
        return self.asset == DECLARED_MEASURES

    @property
    def usage_table(self) -> str:
        """What ``fridge.counted_hours`` calls it: hours are recounted measure by measure."""
        return self.name if self.is_declared else self.asset

    @property
    def columns(self) -> frozenset[str]:
        """The columns of a reading that it is made of; not its sensor's id, which none lacks, unless it is compared."""
        return columns_of(self.condition) | ({self.column} - {SENSOR_ID})

    @property
    def added_up(self) -> ReadingNumber | None:
        """The number that it sums or compares, where it is one that only some sources have."""
        if self.aggregate not in OF_NUMBERS:
            return None
        return next((number for number in self.numbers if number.name == self.column), None)

    @property
    def definition(self) -> str:
        """As ``max(temperature_c * 10) where temperature_c > 0``: two definitions that differ in it may differ."""
        number = self.column if self.scale == 1 else f"{self.column} * {self.scale}"
        where = "" if self.condition is None else f" where {self.condition}"
        return f"{self.aggregate}({number}){where}"


INSERTED_COUNT = Measure("inserted_count", Aggregate.COUNT, asset="inserted_counts")

ACTIVE_SENSORS = Measure("active_sensors", Aggregate.DISTINCT, asset="active_sensors")

#: They need no file.
BUILT_IN = (INSERTED_COUNT, ACTIVE_SENSORS)

#: In words.
COUNTS = {
    INSERTED_COUNT.asset: "readings stored for the first time",
    ACTIVE_SENSORS.asset: "distinct sensors with a reading stored for the first time",
    DECLARED_MEASURES: "the quantity of each declared measure",
}
