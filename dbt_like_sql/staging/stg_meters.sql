-- materialized: view
select
    meters.event_name as meter,
    meters.measure,
    meters.formula,
    meters."window",
    declared_measures.declared_at,
    meters.formula = 'last' as is_last
from fridge.meters
left join fridge.declared_measures on meters.measure = declared_measures.measure

union all

select
    event_name as meter,
    measure,
    null as formula,
    null as "window",
    null::timestamptz as declared_at,
    exists(
        select 1 from fridge.sent_meters
        where sent_meters.event_name = known_meters.event_name and sent_meters.formula = 'last'
    ) as is_last
from fridge.known_meters
where event_name not in (select meters.event_name from fridge.meters)
