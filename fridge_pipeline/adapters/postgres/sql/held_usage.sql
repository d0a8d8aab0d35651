-- What is held of a tenant's hour, and the usage that would be let through.
with catalogue as (
    select
        event_name,
        measure
    from unnest(%(event_names)s::text[], %(measures)s::text[]) as meters (event_name, measure)
)

select
    exceptions.subject as event_name,
    measured_usage.value
from fridge.exceptions
inner join catalogue on exceptions.subject = catalogue.event_name
inner join fridge.measured_usage
    on
        catalogue.measure = measured_usage.measure
        and exceptions.tenant_id = measured_usage.tenant_id
        and exceptions.hour = measured_usage.hour
where
    exceptions.kind = 'held_for_review'
    and exceptions.closed_at is null
    and exceptions.tenant_id = %(tenant_id)s
    and exceptions.hour = %(hour)s
order by exceptions.subject;
