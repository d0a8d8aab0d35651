"""Arrays of texts arrive as they were given."""

from __future__ import annotations

import psycopg
import pytest

from fridge_pipeline.database.connection import Database

DIFFICULT = ["NULL", "", " ", '"', '","', "\\", '\\"', "{}", "a,b", "\n", "\t", "é🧊", "'", "%s"]


def test_texts_arrive_as_they_were_whatever_they_hold_and_whatever_stands_beside_them(database: Database) -> None:
    lists: list[list[str | None]] = [["plain", text] for text in DIFFICULT]
    lists += [[*DIFFICULT], [*DIFFICULT, None], [None], ["one"], [], ["cus_1"] * 1_000]
    with database.connect() as connection:
        for given in lists:
            row = connection.execute("select %(value)s::text[]", {"value": given}).fetchone()
            assert row == (given,)


def test_a_text_that_postgresql_cannot_hold_is_refused_and_not_cut_off(database: Database) -> None:
    with database.connect() as connection, pytest.raises(psycopg.DataError, match="NUL"):
        connection.execute("select %(value)s::text[]", {"value": ["a", "b\0c"]})
