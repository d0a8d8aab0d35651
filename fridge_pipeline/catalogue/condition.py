"""The condition of a measure: a small part of SQL, read into a tree that polars and PostgreSQL are both told from.

A comparison of one column with numbers or texts, AND, OR, NOT and parentheses. Nothing else is read, so nothing else
can mean one thing here and another there: ``usage/rules/measuring.py`` makes polars of the tree, and the function
``fridge.condition_sql`` makes SQL of it, each by itself. A condition of a missing number is neither true nor false.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

SENSOR_ID, TEMPERATURE_C, HOUR = "sensor_id", "temperature_c", "hour"

#: How the hour of the day stands in a condition; by UTC.
HOUR_IN_SQL = "extract(hour from recorded_at)"

_COMPARES = {"<": "<", "<=": "<=", ">": ">", ">=": ">=", "=": "=", "<>": "<>", "!=": "<>"}

_LENGTH_MAX, _DEPTH_MAX = 1000, 20

#: Up to here a double knows numbers from each other that differ by an eighth.
_NUMBER_MAX = 1e15

_TOKEN = re.compile(
    r"\s*(?:(?P<number>[+-]?\d+(?:\.\d+)?)(?![\w.])|'(?P<text>(?:[^'\0]|'')*)'|(?P<word>[A-Za-z_]\w*)"
    r"|(?P<sign><=|>=|<>|!=|[<>=(),]))",
    re.ASCII,
)

_HELP = (
    "A condition compares sensor_id, temperature_c, extract(hour from recorded_at) or a number that a source of "
    "FRIDGE_SOURCES keeps with numbers, or texts in single quotes, by =, <>, <, <=, >, >=, IN (…), BETWEEN … AND … or "
    "LIKE, and joins such by AND, OR, NOT and parentheses"
)


class ConditionError(ValueError):
    """A condition that is none; the text says where, and what there is."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A column beside values: one, for ``between`` two, for ``in`` any number."""

    operator: str
    column: str
    values: tuple[float | str, ...]

    def __str__(self) -> str:
        column = HOUR_IN_SQL if self.column == HOUR else self.column
        values = [_literal(value) for value in self.values]
        if self.operator == "between":
            return f"{column} between {values[0]} and {values[1]}"
        beside = f"({', '.join(values)})" if self.operator == "in" else values[0]
        return f"{column} {self.operator} {beside}"

    @property
    def tree(self) -> list[object]:
        """For the database."""
        return [self.operator, self.column, *self.values]


@dataclass(frozen=True, slots=True)
class Combination:
    """Conditions joined by ``and`` or ``or``; ``not`` has one."""

    operator: str
    parts: tuple[Condition, ...]

    def __str__(self) -> str:
        parts = [f"({part})" if isinstance(part, Combination) else str(part) for part in self.parts]
        return f"not {parts[0]}" if self.operator == "not" else f" {self.operator} ".join(parts)

    @property
    def tree(self) -> list[object]:
        """For the database."""
        return [self.operator, *(part.tree for part in self.parts)]


Condition = Comparison | Combination


def condition_of(tree: Sequence[Any]) -> Condition:
    """The condition of a tree in the database."""
    operator, *rest = tree
    if operator in {"and", "or", "not"}:
        return Combination(operator, tuple(map(condition_of, rest)))
    column, *values = rest
    return Comparison(operator, column, tuple(value if isinstance(value, str) else float(value) for value in values))


def columns_of(condition: Condition | None) -> frozenset[str]:
    """The columns that it compares."""
    if condition is None:
        return frozenset()
    if isinstance(condition, Comparison):
        return frozenset({condition.column})
    return frozenset().union(*map(columns_of, condition.parts))


def least_of(condition: Condition | None, column: str) -> float | None:
    """A number below which the column is nowhere where the condition is true; ``None`` where it says none."""
    if isinstance(condition, Combination):
        least = [least_of(part, column) for part in condition.parts]
        known = [each for each in least if each is not None]
        if condition.operator == "and":
            return max(known, default=None)
        return min(known) if condition.operator == "or" and len(known) == len(least) else None
    if condition is None or condition.column != column or condition.operator not in {">", ">=", "=", "between", "in"}:
        return None
    return min(value for value in condition.values if isinstance(value, float))


def read_condition(text: str, columns: Mapping[str, type]) -> Condition:
    """The tree of a condition. Raises ``ConditionError``.

    ``columns``: what may be compared, and whether it is a ``float`` or a ``str``.
    """
    if len(text) > _LENGTH_MAX:
        raise ConditionError(f"it has {len(text)} characters, and {_LENGTH_MAX} is the most")
    return _Reader(text, columns).whole()


def _literal(value: float | str) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return f"{Decimal(repr(value)).normalize():f}"


class _Reader:
    def __init__(self, text: str, columns: Mapping[str, type]) -> None:
        self._tokens: list[tuple[str, str]] = []
        self._next = 0
        self._columns = columns
        place, text = 0, text.rstrip()
        while place < len(text):
            match = _TOKEN.match(text, place)
            if match is None:
                raise ConditionError(f"not understood at {text[place : place + 30].strip()!r}. {_HELP}")
            kind = match.lastgroup or ""
            self._tokens.append((kind, match[kind].lower() if kind == "word" else match[kind]))
            place = match.end()

    def whole(self) -> Condition:
        found = self._joined("or", 0)
        if self._next < len(self._tokens):
            raise self._expected("AND, OR or the end")
        return found

    def _joined(self, operator: str, depth: int) -> Condition:
        if depth > _DEPTH_MAX:
            raise ConditionError(f"more than {_DEPTH_MAX} parentheses are in each other")
        parts: list[Condition] = []
        while not parts or self._takes(operator):
            parts.append(self._joined("and", depth) if operator == "or" else self._negated(depth))
        return parts[0] if len(parts) == 1 else Combination(operator, tuple(parts))

    def _negated(self, depth: int) -> Condition:
        if self._takes("not"):
            return Combination("not", (self._negated(depth + 1),))
        if self._takes("("):
            found = self._joined("or", depth + 1)
            self._needs(")")
            return found
        return self._comparison()

    def _comparison(self) -> Condition:
        column = self._column()
        is_text = self._columns.get(column) is str
        is_negated = self._takes("not")
        kind, word = self._peek()
        values: tuple[float | str, ...]
        if word == "in" and self._takes("in"):
            self._needs("(")
            listed = [self._value(column)]
            while self._takes(","):
                listed.append(self._value(column))
            self._needs(")")
            values = tuple(listed)
        elif word == "between" and not is_text and self._takes("between"):
            least = self._value(column)
            self._needs("and")
            values = (least, self._value(column))
        elif word == "like" and is_text and self._takes("like"):
            values = (self._pattern(column),)
        elif kind == "sign" and not is_negated and word in (("=", "<>", "!=") if is_text else _COMPARES):
            self._next += 1
            values = (self._value(column),)
        else:
            raise self._expected("=, <>, IN or LIKE" if is_text else "=, <>, <, <=, >, >=, IN or BETWEEN")
        found = Comparison(_COMPARES.get(word, word), column, values)
        return Combination("not", (found,)) if is_negated else found

    def _column(self) -> str:
        kind, word = self._peek()
        if kind == "word" and word == "extract":
            for each in ("extract", "(", "hour", "from", "recorded_at", ")"):
                self._needs(each)
            return HOUR
        if kind != "word" or word not in self._columns:
            raise self._expected(" or ".join([*self._columns, HOUR_IN_SQL]))
        self._next += 1
        return word

    def _value(self, column: str) -> float | str:
        kind, value = self._peek()
        if self._columns.get(column) is str:
            if kind != "text":
                raise self._expected(f"a text in single quotes, as {column} is one,")
            self._next += 1
            return value.replace("''", "'")
        if kind != "number":
            raise self._expected("a number")
        if column == HOUR and value not in map(str, range(24)):
            raise ConditionError(f"an hour of the day is from 0 to 23, got {value}")
        self._next += 1
        if abs(number := float(value)) > _NUMBER_MAX:
            raise ConditionError(f"a number has at most 15 digits before the point, got {value}")
        return number + 0.0  # no negative zero

    def _pattern(self, column: str) -> str:
        pattern = str(self._value(column))
        if re.search(r"\\(?![\\%_])", pattern.replace("\\\\", "")):
            raise ConditionError(rf"in a LIKE pattern \ stands before %, _ or another \ only, got {pattern!r}")
        return pattern

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._next] if self._next < len(self._tokens) else ("", "")

    def _takes(self, word: str) -> bool:
        if self._peek() not in (("word", word), ("sign", word)):
            return False
        self._next += 1
        return True

    def _needs(self, word: str) -> None:
        if not self._takes(word):
            raise self._expected(word.upper() if word.isalpha() else word)

    def _expected(self, what: str) -> ConditionError:
        _, found = self._peek()
        return ConditionError(f"{what} is expected where {repr(found) if found else 'it ends'} stands. {_HELP}")
