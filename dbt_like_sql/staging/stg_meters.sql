-- materialized: view
select
    meters.event_name as meter,
    meters.measure,
    meters.formula,
    meters."window",
    declared_measures.declared_at,
    coalesce(meter_starts.bill_from, '-infinity') as bill_from
from fridge.meters
left join fridge.meter_starts on meters.event_name = meter_starts.event_name
left join fridge.declared_measures on meters.measure = declared_measures.measure
