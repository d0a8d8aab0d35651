-- materialized: view
-- Only hours that differ have rows of their own.
select
    tenant_id,
    event_name as meter,
    hour,
    sum(stripe_value) as quantity,
    sum(ledger_value) as ledger_quantity,
    max(cause) as cause,
    min(read_at) as read_at
from fridge.stripe_reconciliation
where hour is not null and stripe_value is not null
group by tenant_id, event_name, hour
