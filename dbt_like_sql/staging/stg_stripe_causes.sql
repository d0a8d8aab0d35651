-- materialized: view
-- Only hours that differ have rows of their own.
select
    tenant_id,
    event_name as meter,
    hour,
    max(cause) as cause
from fridge.stripe_reconciliation
where hour is not null and stripe_value is not null
group by tenant_id, event_name, hour
