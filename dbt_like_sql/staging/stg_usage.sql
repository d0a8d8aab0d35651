-- materialized: view
select
    measured_usage.tenant_id,
    meters.event_name as meter,
    measured_usage.hour,
    measured_usage.value as quantity
from fridge.measured_usage
inner join fridge.meters on measured_usage.measure = meters.measure
