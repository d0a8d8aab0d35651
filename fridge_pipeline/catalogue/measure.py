"""The measures: what is counted of the readings that were inserted in an hour.

A further one is an entry here and one of ``QUANTITIES`` in ``usage/rules.py``, a row of ``fridge.measures``
(``catalogue/schema.sql`` and a migration), a source in ``dbt_like_sql/sources.yml``, and a line in ``derived_usage``,
which counts a second time by SQL alone.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Measure(StrEnum):
    """What is counted, per tenant and hour; the value names it in ``fridge.usage`` and in ``FRIDGE_METERS``.

    ``asset`` is the asset that counts it, and ``counts`` what that is, in words.
    """

    asset: str
    counts: str

    def __new__(cls, name: str, asset: str, counts: str) -> Self:
        """A member that is equal to its name."""
        measure = str.__new__(cls, name)
        measure._value_ = name
        measure.asset, measure.counts = asset, counts
        return measure

    INSERTED_COUNT = (
        "inserted_count",
        "inserted_counts",
        "readings stored for the first time",
    )
    ACTIVE_SENSORS = (
        "active_sensors",
        "active_sensors",
        "distinct sensors with a reading stored for the first time",
    )
