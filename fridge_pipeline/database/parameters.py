"""Parameters that many statements take, under the names by which they all know them."""

from __future__ import annotations

from datetime import datetime

from fridge_pipeline.calendar.hour_range import HourRange
from fridge_pipeline.catalogue.meter import Meter


def span_of(hours: HourRange) -> dict[str, datetime]:
    """``first`` and ``last``: the starts of the first and the last hour, both included."""
    return {"first": hours.first.start, "last": hours.last.start}


def meters_of(catalogue: tuple[Meter, ...]) -> dict[str, list[str]]:
    """``event_names`` and ``measures``: the catalogue as two columns, in one order."""
    return {
        "event_names": [meter.event_name for meter in catalogue],
        "measures": [meter.measure.value for meter in catalogue],
    }
