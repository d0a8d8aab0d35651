-- materialized: view
-- A tenant has several rows of a day when it had several customers; a day is read when every one of them was.
select
    tenant_id,
    event_name as meter,
    day as usage_date,
    case when bool_and(stripe_value is not null) then sum(stripe_value) end as quantity,
    min(read_at) as read_at
from fridge.stripe_reconciliation
where hour is null
group by tenant_id, event_name, day
