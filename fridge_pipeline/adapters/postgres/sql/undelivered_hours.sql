-- Hours with usage that Stripe has not been told, or whose statement is undecided. Excepted cases wait for a person,
-- not for the next sweep: too late, unexplained, unmapped or refused with no other customer since.
with excepted as (
    select
        exceptions.kind,
        exceptions.tenant_id,
        exceptions.hour,
        exceptions.subject
    from fridge.exceptions
    left join fridge.tenants on exceptions.tenant_id = tenants.tenant_id
    left join fridge.meter_events
        on exceptions.kind in ('refused', 'unexplained') and exceptions.subject = meter_events.identifier
    where
        exceptions.closed_at is null
        and (
            exceptions.kind = 'too_late'
            or (exceptions.kind = 'unexplained' and meter_events.status in ('sent', 'unknown'))
            or (exceptions.kind = 'unmapped' and tenants.stripe_customer_id is null)
            or (
                exceptions.kind = 'refused'
                and tenants.stripe_customer_id is not distinct from meter_events.stripe_customer_id
            )
        )
),

metered_usage as (
    select
        tenant_id,
        hour,
        %(inserted_count_event)s::text as event_name,
        inserted_count as value
    from fridge.inserted_counts
    where %(inserted_count_event)s::text is not null

    union all

    select
        tenant_id,
        hour,
        %(active_sensors_event)s::text as event_name,
        active_sensors as value
    from fridge.active_sensors
    where %(active_sensors_event)s::text is not null
)

select hour
from fridge.meter_events
where
    status in ('staged', 'sent', 'unknown')
    and not exists (
        select 1 from excepted
        where excepted.kind = 'unexplained' and excepted.subject = meter_events.identifier
    )

union

select metered_usage.hour
from metered_usage
where
    not exists (
        select 1 from fridge.meter_events
        where
            meter_events.event_name = metered_usage.event_name
            and meter_events.tenant_id = metered_usage.tenant_id
            and meter_events.hour = metered_usage.hour
            and meter_events.status = 'accepted'
            and meter_events.value = metered_usage.value
    )
    and not exists (
        select 1 from excepted
        where
            excepted.tenant_id = metered_usage.tenant_id
            and excepted.hour = metered_usage.hour
    )

union

-- Hours with a file loaded after they were last counted: a run died between the two.
select landing_files.landing_hour as hour
from fridge.landing_files
where
    landing_files.inserted_count > 0
    and (
        landing_files.loaded_at > coalesce(
            (
                select min(inserted_counts.computed_at) from fridge.inserted_counts
                where inserted_counts.hour = landing_files.landing_hour
            ), '-infinity'
        )
        or landing_files.loaded_at > coalesce(
            (
                select min(active_sensors.computed_at) from fridge.active_sensors
                where active_sensors.hour = landing_files.landing_hour
            ), '-infinity'
        )
    )
order by hour;
