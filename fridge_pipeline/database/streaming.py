"""Rows out of PostgreSQL as frames, batch by batch as they arrive, so that a result of any size takes flat memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import polars as pl
from psycopg import sql

from fridge_pipeline.database.queries import statement

if TYPE_CHECKING:
    from adbc_driver_manager import dbapi as adbc_dbapi


def streamed(connection: adbc_dbapi.Connection, name: str, **values: object) -> Iterator[pl.DataFrame]:
    """What a query with values in its braces gives.

    They stand in its text because Arrow's driver streams only what it can make a COPY of, and a COPY takes no
    parameters: with them it would hold the whole result.
    """
    literals = {key: sql.Literal(value) for key, value in values.items()}
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(statement(name)).format(**literals).as_string())
        for batch in cursor.fetch_record_batch():
            yield pl.DataFrame(pl.from_arrow(batch))
