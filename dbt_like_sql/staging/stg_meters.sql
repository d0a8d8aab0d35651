-- materialized: view
select
    meters.event_name as meter,
    meters.measure,
    meters.formula,
    meters."window",
    declared_measures.declared_at
from fridge.meters
left join fridge.declared_measures on meters.measure = declared_measures.measure
