-- materialized: view
-- A former meter keeps the hours that no other has taken over, and those that it has anything of: asked in one exists,
-- where PostgreSQL would plan each of several twice.
with former_meters as (
    select
        meter as event_name,
        measure
    from fridge.stg_meters
    where formula is null
)

select
    usage.tenant_id,
    meters.event_name as meter,
    usage.hour,
    usage.quantity::numeric as quantity
from fridge.usage
inner join fridge.meters on usage.measure = meters.measure

union all

select
    usage.tenant_id,
    former_meters.event_name as meter,
    usage.hour,
    usage.quantity::numeric as quantity
from former_meters
inner join fridge.usage on former_meters.measure = usage.measure
where
    exists (
        select 1 from fridge.billed_hours
        where
            billed_hours.event_name = former_meters.event_name
            and usage.hour >= billed_hours.begins_at
            and usage.hour < billed_hours.bill_until

        union all

        select 1 from fridge.meter_events
        where
            meter_events.event_name = former_meters.event_name
            and meter_events.tenant_id = usage.tenant_id
            and meter_events.hour = usage.hour
            and meter_events.status = 'accepted'

        union all

        select 1 from fridge.settled_usage
        where
            settled_usage.event_name = former_meters.event_name
            and settled_usage.tenant_id = usage.tenant_id
            and settled_usage.hour = usage.hour
    )
