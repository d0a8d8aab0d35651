-- Hours with usage that Stripe has not been told, or whose statement is undecided. Excepted cases (too late,
-- unmapped with no customer since, refused) wait for a person, not for the next sweep.
with metered_usage as (
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
where status in ('staged', 'sent', 'unknown')

union

select metered_usage.hour
from metered_usage
left join fridge.tenants on metered_usage.tenant_id = tenants.tenant_id
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
        select 1 from fridge.exceptions
        where
            exceptions.tenant_id = metered_usage.tenant_id
            and exceptions.hour = metered_usage.hour
            and exceptions.closed_at is null
            and (
                exceptions.kind in ('too_late', 'refused', 'unexplained')
                or (exceptions.kind = 'unmapped' and tenants.stripe_customer_id is null)
            )
    )

union

-- Hours that were loaded but not counted yet: a run died between the two.
select landing_hour as hour
from fridge.landing_files
where
    inserted_count > 0
    and not exists (
        select 1 from fridge.inserted_counts
        where inserted_counts.hour = landing_files.landing_hour
    )
order by hour;
