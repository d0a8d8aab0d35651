"""The kinds of exceptions and causes of differences as the database has them; the schema's owner writes them."""

from __future__ import annotations

from dataclasses import asdict

import psycopg

from fridge_pipeline.database.queries import statement
from fridge_pipeline.reason_codes import DIFFERENCE_CAUSES, EXCEPTION_KINDS


def keep_reason_codes(connection: psycopg.Connection) -> None:
    """Brings the tables of kinds and causes up to ``reason_codes``; call it in a transaction."""
    with connection.cursor() as cursor:
        cursor.executemany(
            statement("keep_causes"),
            [
                {"cause": code, "position": position, **asdict(cause)}
                for position, (code, cause) in enumerate(DIFFERENCE_CAUSES.items(), start=1)
            ],
        )
        cursor.executemany(
            statement("keep_exception_kinds"),
            [
                {"kind": code, "position": position, "what_to_do": kind.do, **asdict(kind)}
                for position, (code, kind) in enumerate(EXCEPTION_KINDS.items(), start=1)
            ],
        )
