"""What a few bytes of an avro file could become by its schema: a record's memory is bounded before it is read.

A schema may repeat a value that takes hardly a byte, nest records in one another, and name everything at length.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fridge_pipeline.ingest.landing.landing_errors import UnreadableFileError

#: Most bytes of a record.
RECORD_BYTES_MAX = 2**20

#: Most characters that a record may become, as JSON, where a value counts as ``VALUE_WEIGHT`` for what it takes itself.
WEIGHT_MAX = 16 * 2**20
VALUE_WEIGHT = 16

_NAMED = frozenset({"record", "error", "enum", "fixed"})


def record_bytes_max(schema: Any) -> int:
    """So many bytes a record of this schema may have. Raises ``UnreadableFileError`` for one that no reading needs."""
    weights = _Weights()
    try:
        whole = weights.of(schema)
    except (AttributeError, TypeError, ValueError, OverflowError, KeyError, RecursionError) as error:
        raise UnreadableFileError("avro without a readable schema") from error
    if whole > WEIGHT_MAX:
        raise UnreadableFileError(f"its schema makes more than {WEIGHT_MAX} characters of a record")
    return min(RECORD_BYTES_MAX, WEIGHT_MAX // max(weights.heaviest_item, 1))


class _Weights:
    """The weight of each type; of what arrays and maps repeat, the heaviest."""

    def __init__(self) -> None:
        self.heaviest_item = 0
        self._named: dict[str, tuple[int, bool]] = {}
        self._open: set[str] = set()

    def of(self, schema: Any) -> int:
        """What a value may become beyond its own bytes."""
        return self._weight(schema, "")[0]

    def _weight(self, schema: Any, space: str) -> tuple[int, bool]:
        """And whether a value takes no byte."""
        if isinstance(schema, list):
            return max((self._weight(each, space)[0] for each in schema), default=0) + VALUE_WEIGHT, False
        if isinstance(schema, str):
            return self._referred(schema, space)
        kind = schema["type"]
        if isinstance(kind, dict | list):
            return self._weight(kind, space)
        if kind in _NAMED:
            return self._of_named(schema, kind, space)
        if kind in ("array", "map"):
            item, is_weightless = self._weight(schema["items" if kind == "array" else "values"], space)
            if is_weightless:
                raise UnreadableFileError("its schema has an array or map of values that take no bytes")
            self.heaviest_item = max(self.heaviest_item, item + VALUE_WEIGHT)
            return VALUE_WEIGHT, False
        return self._referred(kind, space)

    def _referred(self, name: str, space: str) -> tuple[int, bool]:
        full = name if "." in name or not space else f"{space}.{name}"
        found = next((each for each in (full, name) if each in self._named or each in self._open), None)
        if found in self._open:
            raise UnreadableFileError("its schema has a record that holds itself, to any depth")
        return self._named[found] if found is not None else (VALUE_WEIGHT, name == "null")

    def _of_named(self, schema: Mapping[str, Any], kind: str, space: str) -> tuple[int, bool]:
        name = str(schema.get("name", ""))
        inside = name.rpartition(".")[0] if "." in name else str(schema.get("namespace", space))
        full = name if "." in name or not inside else f"{inside}.{name}"
        if kind == "fixed":
            size = int(schema["size"])
            if size < 0:  # which would take off what all else weighs
                raise UnreadableFileError("its schema has a value of fewer than no bytes")
            found = VALUE_WEIGHT + size, not size
        elif kind == "enum":
            found = VALUE_WEIGHT + max((len(symbol) for symbol in schema["symbols"]), default=0), False
        else:
            self._open.add(full)
            fields = [(len(field["name"]), *self._weight(field["type"], inside)) for field in schema["fields"]]
            self._open.discard(full)
            found = VALUE_WEIGHT + sum(long + weight for long, weight, _ in fields), all(is_no for *_, is_no in fields)
        for each in (full, *(f"{inside}.{alias}".lstrip(".") for alias in schema.get("aliases", ()))):
            self._named[each] = found
        return found
