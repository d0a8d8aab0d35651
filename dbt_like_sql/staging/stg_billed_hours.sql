-- materialized: view
-- Nothing is owed of what is counted by a measure that the catalogue bills no more.
select
    billed_hours.event_name as meter,
    billed_hours.begins_at,
    billed_hours.bill_from,
    billed_hours.bill_until,
    billed_hours.event_name not in (select meters.event_name from fridge.meters) as is_former
from fridge.billed_hours
where billed_hours.measure in (select meters.measure from fridge.meters)

union all

-- One that nothing was staged of yet.
select
    meters.event_name as meter,
    '-infinity' as begins_at,
    billing_start.bill_from,
    'infinity' as bill_until,
    false as is_former
from fridge.meters
cross join fridge.billing_start
where meters.event_name not in (select billed_hours.event_name from fridge.billed_hours)
