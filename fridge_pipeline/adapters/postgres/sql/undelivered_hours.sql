-- Hours with usage that Stripe has not been told, or whose statement is undecided. Excepted cases wait for a person,
-- not for the next sweep: too late, unmapped, a credit, refused for the customer who is to be billed, and
-- unexplained unless it is time to read Stripe back again.
with excepted as (
    select
        exceptions.kind,
        exceptions.tenant_id,
        exceptions.hour,
        exceptions.subject,
        coalesce(meter_events.event_name, exceptions.subject) as event_name
    from fridge.exceptions
    left join fridge.tenants on exceptions.tenant_id = tenants.tenant_id
    left join fridge.meter_events on replace(exceptions.subject, 'cancel:', '') = meter_events.identifier
    where
        exceptions.closed_at is null
        and (
            exceptions.kind in ('too_late', 'credit_due')
            or (exceptions.kind = 'unmapped' and tenants.stripe_customer_id is null)
            or (
                -- Whoever has the hour on the books keeps it, else whoever the tenant is mapped to.
                exceptions.kind = 'refused'
                and meter_events.stripe_customer_id = coalesce(
                    (
                        select accepted.stripe_customer_id
                        from fridge.meter_events as accepted
                        where
                            accepted.event_name = meter_events.event_name
                            and accepted.tenant_id = meter_events.tenant_id
                            and accepted.hour = meter_events.hour
                            and accepted.status = 'accepted'
                        order by accepted.revision desc
                        limit 1
                    ), tenants.stripe_customer_id
                )
            )
            or (
                exceptions.kind = 'unexplained'
                and exists (
                    select 1 from fridge.stripe_readbacks
                    where
                        stripe_readbacks.identifier = meter_events.identifier
                        and stripe_readbacks.read_at > %(read_again_before)s
                )
            )
        )
),

metered_usage as (
    select
        measured_usage.tenant_id,
        measured_usage.hour,
        measured_usage.value,
        catalogue.event_name
    from fridge.measured_usage
    inner join unnest(%(event_names)s::text[], %(measures)s::text[]) as catalogue (event_name, measure)
        on measured_usage.measure = catalogue.measure
),

usable_files as (
    select
        landing_files.landing_hour,
        usage_tables.usage_table,
        md5(string_agg(landing_files.file_id::text, ',' order by landing_files.file_id)) as files_hash
    from fridge.landing_files
    cross join (values ('inserted_counts'), ('active_sensors')) as usage_tables (usage_table)
    where
        landing_files.inserted_count > 0
        and not exists (
            select 1 from fridge.withdrawals
            where withdrawals.file_id = landing_files.file_id
        )
    group by landing_files.landing_hour, usage_tables.usage_table
),

stated as (
    select
        event_name,
        tenant_id,
        hour,
        sum(value)::bigint as value
    from fridge.meter_events
    where
        status = 'accepted'
        and event_name = any(%(event_names)s)
    group by event_name, tenant_id, hour
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

select meter_events.hour
from fridge.meter_event_adjustments
inner join fridge.meter_events on meter_event_adjustments.identifier = meter_events.identifier
where
    meter_event_adjustments.status in ('staged', 'sent', 'unknown')
    and not exists (
        select 1 from excepted
        where excepted.kind = 'unexplained' and excepted.subject = 'cancel:' || meter_events.identifier
    )

union

-- Both ways: usage that is not stated, and statements whose usage is gone.
select coalesce(metered_usage.hour, stated.hour) as hour
from metered_usage
full join stated
    on
        metered_usage.event_name = stated.event_name
        and metered_usage.tenant_id = stated.tenant_id
        and metered_usage.hour = stated.hour
where
    coalesce(metered_usage.value, 0) <> coalesce(stated.value, 0)
    and not exists (
        select 1 from excepted
        where
            excepted.event_name = coalesce(metered_usage.event_name, stated.event_name)
            and excepted.tenant_id = coalesce(metered_usage.tenant_id, stated.tenant_id)
            and excepted.hour = coalesce(metered_usage.hour, stated.hour)
    )

union

-- Hours that were counted from other files than there are now: loaded or withdrawn since, or meanwhile.
select coalesce(usable_files.landing_hour, counted_hours.landing_hour) as hour
from usable_files
full join fridge.counted_hours
    on
        usable_files.landing_hour = counted_hours.landing_hour
        and usable_files.usage_table = counted_hours.usage_table
where usable_files.files_hash is distinct from counted_hours.files_hash
order by hour;
