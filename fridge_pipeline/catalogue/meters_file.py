"""A catalogue of somebody's own: read from the tables of a TOML document, checked, with errors that say what to write.

[[meter]]
event_name = "temperature_readings"
display_name = "Temperature readings stored"
measure = "inserted_count"
formula = "sum"
window = "hour"

[meter.tolerance]  # may be left out, whole or in part
factor = 10
deviations = 10
hours = 168
hours_min = 24
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from fridge_pipeline.catalogue.measure import Measure
from fridge_pipeline.catalogue.meter import Formula, Meter, Tolerance, Window

_Choice = TypeVar("_Choice", bound=StrEnum)

#: What a meter says, all of it: formula and window can never be changed once Stripe has the meter.
KEYS = ("event_name", "display_name", "measure", "formula", "window")

#: What it may say besides: how far above its history usage passes. This can be changed at any time.
OPTIONAL_KEYS = ("tolerance",)

#: What a tolerance says, in the numbers it takes.
TOLERANCE_KEYS: Mapping[str, tuple[type, ...]] = {
    "factor": (int, float),
    "deviations": (int, float),
    "hours": (int,),
    "hours_min": (int,),
}

#: Stripe's limits (docs.stripe.com/api/billing/meter/create).
LENGTH_MAX = {"event_name": 100, "display_name": 250}


class CatalogueError(ValueError):
    """A catalogue cannot mean what it says; the text names the meter and what to write."""


def read_catalogue(document: Mapping[str, object]) -> tuple[Meter, ...]:
    """The meters of a document. Raises ``CatalogueError``."""
    unknown = sorted(document.keys() - {"meter"})
    if unknown:
        raise CatalogueError(f"unknown key {unknown[0]!r}; a catalogue holds [[meter]] tables and nothing else")
    tables = document.get("meter", [])
    if not isinstance(tables, list) or not all(isinstance(table, Mapping) for table in tables):
        raise CatalogueError("each meter is a table of its own under [[meter]], with two brackets on each side")
    if not tables:
        raise CatalogueError("it holds no [[meter]]; unset FRIDGE_METERS for the default catalogue")
    catalogue = tuple(_read_meter(number, table) for number, table in enumerate(tables, start=1))
    _refuse_repeated("event name", [meter.event_name for meter in catalogue])
    # Usage has one quantity per measure, and which meter states it must be certain.
    _refuse_repeated("measure", [meter.measure.value for meter in catalogue])
    return catalogue


def _read_meter(number: int, table: Mapping[str, object]) -> Meter:
    place = f"meter {number}"
    unknown = table.keys() - {*KEYS, *OPTIONAL_KEYS}
    for problem, keys in (("has the unknown key", unknown), ("lacks", set(KEYS) - table.keys())):
        if keys:
            raise CatalogueError(
                f"{place} {problem} {', '.join(sorted(keys))}; a meter has {', '.join(KEYS)}, "
                f"and may have {', '.join(OPTIONAL_KEYS)}"
            )
    try:
        return Meter(
            event_name=_text(place, table, "event_name"),
            display_name=_text(place, table, "display_name"),
            measure=_choice(place, table, "measure", Measure),
            formula=_choice(place, table, "formula", Formula),
            window=_choice(place, table, "window", Window),
            tolerance=_tolerance(place, table.get("tolerance", {})),
        )
    except CatalogueError:
        raise
    except ValueError as error:
        raise CatalogueError(f"{place}: {error}") from error


def _text(place: str, table: Mapping[str, object], key: str) -> str:
    value = table[key]
    if not isinstance(value, str) or not value or value != value.strip():
        raise CatalogueError(f"{place}: {key} is a text in quotes without blanks around it, got {value!r}")
    if len(value) > LENGTH_MAX[key]:
        raise CatalogueError(
            f"{place}: Stripe takes at most {LENGTH_MAX[key]} characters for {key}, got {len(value)}: {value[:40]}…"
        )
    return value


def _choice(place: str, table: Mapping[str, object], key: str, choices: type[_Choice]) -> _Choice:
    value = table[key]
    for choice in choices:
        if value == choice.value:
            return choice
    raise CatalogueError(f"{place}: {key} is {' or '.join(each.value for each in choices)}, got {value!r}")


def _tolerance(place: str, table: object) -> Tolerance:
    if not isinstance(table, Mapping):
        raise CatalogueError(f"{place}: tolerance is a table of its own, [meter.tolerance], got {table!r}")
    for key, value in table.items():
        if key not in TOLERANCE_KEYS:
            raise CatalogueError(
                f"{place}: tolerance has the unknown key {key}; it may have {', '.join(TOLERANCE_KEYS)}"
            )
        if isinstance(value, bool) or not isinstance(value, TOLERANCE_KEYS[key]):
            kind = "a number" if float in TOLERANCE_KEYS[key] else "a whole number"
            raise CatalogueError(f"{place}: tolerance: {key} is {kind}, got {value!r}")
    return Tolerance(**table)


def _refuse_repeated(what: str, values: list[str]) -> None:
    for value, times in Counter(values).items():
        if times > 1:
            raise CatalogueError(f"{times} meters have the {what} {value!r}; each {what} belongs to one meter")
