"""SenML packs: the records of RFC 8428, with the base fields before them put into each (4.6, resolved records)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from fridge_pipeline.ingest.rules.embedded_json import short

#: What a record may say for itself and all records behind it in its pack (section 4.1): a beginning of names, a time
#: and a value to add, a unit.
BASE = ("bn", "bt", "bu", "bv")


def resolved(record: Mapping[str, Any], base: dict[str, Any]) -> dict[str, Any]:
    """The record with its whole name, its time and its value; ``base`` goes on to the next record of its pack.

    Times and values are added as decimal numbers; where one is none, the text says both, and no reading comes of it.
    A record without a value gets none (4.3 gives it one only where it has a sum of its own). A time relative to now
    (below 2^28, section 4.5.3) stays the small number that it is: when a file was written nobody knows.
    """
    base |= {name: short(record[name]) for name in BASE if name in record}
    whole = {name: value for name, value in record.items() if name not in BASE}
    if "bn" in base:
        whole["n"] = f"{base['bn']}{record.get('n', '')}"
    if "bt" in base:
        whole["t"] = _sum(base["bt"], record.get("t", 0))
    if "bv" in base and "v" in record:
        whole["v"] = _sum(base["bv"], record["v"])
    if "bu" in base:
        whole.setdefault("u", base["bu"])
    return whole


def _sum(base: object, added: object) -> str:
    try:
        return str(Decimal(str(base)) + Decimal(str(added)))
    except InvalidOperation:
        return f"{base} and {added}"
