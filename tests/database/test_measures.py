from __future__ import annotations

import psycopg
import pytest

from fridge_pipeline.catalogue.measure import BUILT_IN, COUNTS
from fridge_pipeline.database.connection import Database


def test_the_database_knows_the_measures_of_the_registry_and_takes_no_others(database: Database) -> None:
    with database.owned.connect() as connection:
        known = connection.execute("select measure, usage_table, counts from fridge.measures").fetchall()
        assert known == [(measure.name, measure.asset, COUNTS[measure.asset]) for measure in BUILT_IN]
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            connection.execute("insert into fridge.usage values ('cohoes', now(), 'fridges', 1, now())")
