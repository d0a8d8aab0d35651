-- The hours that nobody can explain, the largest difference first; every such day has at least one.
select
    hour,
    tenant_id,
    event_name,
    stripe_customer_id,
    usage_value,
    ledger_value,
    stripe_value,
    difference
from fridge.stripe_reconciliation
where day between %(first_day)s and %(last_day)s and hour is not null and cause = 'unexplained'
order by abs(difference) desc, hour asc, tenant_id asc, event_name asc;
