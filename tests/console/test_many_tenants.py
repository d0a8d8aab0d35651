"""What pages of one tenant read of the books of many."""

from __future__ import annotations

from fridge_pipeline.database.queries import statement
from tests.console.conftest import Shown
from tests.finance.evidence.books import HOURS
from tests.finance.test_tie_out_of_an_hour import rows_read

USAGE_OF_OTHERS = """
    insert into fridge.usage (tenant_id, hour, measure, quantity, computed_at)
    select 'shop-' || tenants, %s::timestamptz - hours * interval '1 hour', 'inserted_count', 1, now()
    from generate_series(1, 200) as tenants cross join generate_series(1, 100) as hours
"""


def test_the_hours_of_an_invoices_line_are_found_by_its_tenant_and_not_among_the_usage_of_all(shown: Shown) -> None:
    """Of 1,000 tenants and two years the page took four times as long as a page may."""
    parameters = {"invoice": "in_1", "line": "il_1"}
    with shown.books.database.connect() as connection, connection.transaction(force_rollback=True):
        connection.execute(USAGE_OF_OTHERS, [HOURS[0].start])
        connection.execute("analyze fridge.usage")
        listed = len(connection.execute(statement("console_line_hours"), parameters).fetchall())
        explained = connection.execute(f"explain (analyze, format json) {statement('console_line_hours')}", parameters)
        ((plans,),) = explained.fetchall()
    used = next(each for each in plans[0]["Plan"]["Plans"] if each.get("Subplan Name") == "CTE used")
    assert 0 < listed <= rows_read(used, "usage") < 1_000
