"""What one hour's tie-out reads: it is made after every hour that is billed, however long the books are."""

from __future__ import annotations

from typing import Any

from tests.finance.evidence.books import HOURS, fill
from tests.pipeline import Pipeline

#: So many tenants were read of so many days.
TENANTS, DAYS = 200, 60

READ = """
    insert into fridge.stripe_reconciliation
        (day, tenant_id, event_name, stripe_customer_id, usage_value, ledger_value, stripe_value, difference, read_at,
        run_id)
    select
        %(last)s::date - days, 'shop-' || tenants, 'temperature_readings', 'cus_' || tenants, 1, 1, 1, 0,
        %(last)s::date, 'r'
    from generate_series(1, %(tenants)s) as tenants cross join generate_series(1, %(days)s) as days;
    insert into fridge.stripe_day_reads
        (day, tenant_id, event_name, stripe_customer_id, read_by, quantity, read_at, run_id)
    select day, tenant_id, event_name, stripe_customer_id, 'hour', 1, read_at, 'r'
    from fridge.stripe_reconciliation where run_id = 'r';
"""


def rows_read(node: dict[str, Any], relation: str) -> float:
    """How many rows of a relation a plan has read."""
    own = 0.0
    if node.get("Relation Name") == relation:
        own = node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
    return own + sum(rows_read(each, relation) for each in node.get("Plans", ()))


def test_the_tie_out_of_an_hour_reads_the_days_of_its_tenants_and_no_others(pipeline: Pipeline) -> None:
    fill(pipeline)
    with pipeline.database.connect() as connection:
        values = {"last": HOURS[0].start.date(), "tenants": TENANTS, "days": DAYS}
        for each in READ.split(";"):
            if each.strip():
                connection.execute(each, values)
        connection.execute("analyze fridge.stripe_reconciliation, fridge.stripe_day_reads")
        ((plans,),) = connection.execute(
            "explain (analyze, format json) select * from fridge.tie_out where hour = %s", [HOURS[0].start]
        ).fetchall()
        of_hour = connection.execute("select count(*) from fridge.tie_out where hour = %s", [HOURS[0].start]).fetchone()
    assert of_hour is not None
    for relation in ("stripe_reconciliation", "stripe_day_reads"):
        assert rows_read(plans[0]["Plan"], relation) <= 10 * of_hour[0], relation
