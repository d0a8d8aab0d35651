"""Entries of the journal as JSON texts and back; nested dataclasses, tuples and decimals included.

A decimal is written as a text and read back exactly.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable
from dataclasses import fields, is_dataclass
from decimal import Decimal
from functools import cache, partial
from types import UnionType
from typing import Any, Union, cast, get_args, get_origin, get_type_hints


def encoded(entry: object) -> str:
    """One entry as a JSON object by the names of its fields."""
    return json.dumps(vars(entry), default=_plain, separators=(",", ":"))


def decoded(kind: type[Any], body: str) -> Any:
    """The entry of this kind that the text holds."""
    return _built(kind, json.loads(body))


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Decimal) else vars(value)


def _built(kind: type[Any], told: dict[str, Any]) -> Any:
    for name, convert in _conversions(cast(Hashable, kind)):
        value = told.get(name)
        if value is not None:
            told[name] = convert(value)
    return kind(**told)


@cache
def _conversions(kind: Any) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    hints = get_type_hints(kind)
    found = ((each.name, _conversion(hints[each.name])) for each in fields(kind))
    return tuple((name, convert) for name, convert in found if convert is not None)


def _conversion(hint: Any) -> Callable[[Any], Any] | None:
    """What turns JSON into this type; nothing where JSON already is it."""
    if hint is Decimal:
        return Decimal
    if isinstance(hint, type) and is_dataclass(hint):
        return partial(_built, hint)
    origin, inside = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return next((convert for each in inside if (convert := _conversion(each)) is not None), None)
    if origin is tuple:
        one = _conversion(inside[0])
        return tuple if one is None else lambda values: tuple(one(value) for value in values)
    if origin is dict:
        each_value = _conversion(inside[1])
        return None if each_value is None else lambda values: {k: each_value(v) for k, v in values.items()}
    return None
