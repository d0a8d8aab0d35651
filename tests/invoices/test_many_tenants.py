"""A thousand tenants and one month: how many reads, how long, and how much memory their invoices take."""

from __future__ import annotations

import time
import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest
import requests

from fridge_pipeline.calendar.days import DayRange
from fridge_pipeline.invoices.compare_invoices import compare_invoices
from fridge_pipeline.invoices.read_invoices import read_invoices
from tests.pipeline import Pipeline

TENANTS = 1000
START = datetime(2026, 10, 1, tzinfo=UTC)
END = datetime(2026, 11, 1, tzinfo=UTC)

#: Usage and accepted statements of every other hour of the month, as billing leaves them: 372,000 rows of each, which
#: Python could not hold in the memory that it is allowed.
LEDGER = """
alter table fridge.usage disable trigger user;
alter table fridge.meter_events disable trigger user;
insert into fridge.usage (tenant_id, hour, measure, quantity, computed_at)
select 't' || number, hour, 'inserted_count', 20, hour + interval '2 hours'
from generate_series(1, %(tenants)s) as number,
generate_series(%(start)s::timestamptz, %(end)s::timestamptz - interval '1 hour', interval '2 hours') as hour;
insert into fridge.meter_events (
    identifier, event_name, tenant_id, stripe_customer_id, hour, revision, value, "timestamp", status, staged_at,
    first_sent_at, settled_at, http_status, attempts, run_id
)
select 'temperature_readings:' || tenant_id || ':' || to_char(hour, 'YYYYMMDDHH24') || ':r1', 'temperature_readings',
    tenant_id, 'cus_' || tenant_id, hour, 1, 20, hour + interval '30 minutes', 'accepted', hour, hour,
    hour + interval '65 minutes', 200, 1, 'r'
from fridge.usage;
insert into fridge.tenants (tenant_id, stripe_customer_id)
select 't' || number, 'cus_t' || number from generate_series(1, %(tenants)s) as number;
insert into fridge.stripe_books (is_live) values (false);
alter table fridge.usage enable trigger user;
alter table fridge.meter_events enable trigger user;
analyze;
"""


@pytest.mark.prove
def test_a_month_of_a_thousand_tenants_is_read_and_compared_in_a_processor_minute_by_25_reads_and_in_100_megabytes(
    pipeline: Pipeline,
) -> None:
    client = pipeline.sandbox.client()
    pipeline.clock.now = START
    pipeline.sandbox.set_clock(now=START.timestamp(), frozen=True)
    meter = pipeline.gateway.known_meter("temperature_readings").meter_id
    product = client.v1.products.create({"name": "Readings"}).id
    recurring: dict[str, object] = {"interval": "month", "usage_type": "metered", "meter": meter}
    price = client.v1.prices.create(
        {"currency": "usd", "product": product, "recurring": recurring, "unit_amount": 1}  # type: ignore[typeddict-item]
    ).id
    for number in range(1, TENANTS + 1):
        client.v1.subscriptions.create({"customer": f"cus_t{number}", "items": [{"price": price}]})
    with pipeline.database.owned.connect() as connection:
        for each in LEDGER.split(";\n"):
            parameters = {"tenants": TENANTS, "start": START, "end": END} if "%(" in each else None
            if each.strip():
                connection.execute(each, parameters)
    noon = int((START + timedelta(days=14, hours=12, minutes=30)).timestamp())
    events = [[f"cus_t{number}", noon, 31 * 24 * 10] for number in range(1, TENANTS + 1)]
    body = {"event_name": "temperature_readings", "events": events, "received_at": int(END.timestamp()) - 3600}
    requests.post(f"{pipeline.sandbox.url}/_sandbox/usage", json=body, timeout=120).raise_for_status()
    pipeline.clock.now = END + timedelta(hours=3)
    pipeline.sandbox.set_clock(now=pipeline.clock.now.timestamp(), frozen=True)
    client.v1.invoices.list({"limit": 1})  # Stripe makes the invoices meanwhile
    tracemalloc.start()
    begun = time.process_time()  # whatever else the machine does
    days = DayRange(START.date() - timedelta(days=1), pipeline.clock.now.date())
    report = read_invoices(pipeline.as_run(), lambda: pipeline.gateway, days)
    compared = compare_invoices(pipeline.as_run())
    seconds = time.process_time() - begun
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (report.invoices, report.not_read) == (TENANTS, None)
    assert compared.causes == {None: TENANTS}
    assert (report.reads, peak < 100e6, seconds < 60) == (2 * 10 + 4 + 1, True, True), (report.reads, peak, seconds)
