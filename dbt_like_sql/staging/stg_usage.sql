-- materialized: view
select
    usage.tenant_id,
    meters.event_name as meter,
    usage.hour,
    usage.quantity::numeric as quantity
from fridge.usage
inner join fridge.meters on usage.measure = meters.measure
