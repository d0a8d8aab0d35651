"""The numbers that sources keep with readings, in the books: what each is and where it stands, for good."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import psycopg

from fridge_pipeline.catalogue.reading_number import NumberType, ReadingNumber
from fridge_pipeline.database.queries import statement


class NumberChangedError(ValueError):
    """A name has another type in the file than in the books."""

    def __init__(self, given: ReadingNumber, recorded: ReadingNumber) -> None:
        super().__init__(
            f"FRIDGE_SOURCES: the number {given.name} is of type {given.type}, and in the books it is of type "
            f"{recorded.type}, in which readings are stored: a type never changes. Give it a new name"
        )


def keep_numbers(
    connection: psycopg.Connection, declared: Iterable[ReadingNumber], now: datetime
) -> dict[str, ReadingNumber]:
    """Gives each number that the books do not know the next place. Returns all that they know now, by name.

    Raises ``NumberChangedError``.
    """
    declared = tuple(declared)
    known = require_same_numbers(connection, declared)
    if all(number.name in known for number in declared):
        return known
    with connection.transaction():
        connection.execute(statement("lock_measures"))
        known = require_same_numbers(connection, declared)
        for number in declared:
            if number.name not in known:
                known[number.name] = number
                connection.execute(
                    statement("add_number"), {"name": number.name, "parts": number.type.parts, "now": now}
                )
        return recorded_numbers(connection)


def require_same_numbers(connection: psycopg.Connection, declared: Iterable[ReadingNumber]) -> dict[str, ReadingNumber]:
    """All numbers that were ever declared, by name. Raises ``NumberChangedError`` where one has another type."""
    known = recorded_numbers(connection)
    for number in declared:
        if number != known.get(number.name, number):
            raise NumberChangedError(number, known[number.name])
    return known


def recorded_numbers(connection: psycopg.Connection) -> dict[str, ReadingNumber]:
    """All numbers that were ever declared, by name, in the order of their places."""
    types = {each.parts: each for each in NumberType}
    rows = connection.execute(statement("recorded_numbers")).fetchall()
    return {name: ReadingNumber(name, types[parts], place) for name, parts, place in rows}
