-- Hours with usage that Stripe has not been told, or whose statement is undecided. Excepted cases wait for a person,
-- not for the next sweep: too late, unmapped, a credit, refused for the customer who is to be billed, held and not
-- released, in a closed month, and unexplained unless it is time to read Stripe back again. Hours before the billing
-- start are delivered once they are counted; when it moves, all hours are compared.
-- Compared are the hours with a mark: something about them has changed since they were found delivered. What is
-- excepted can cease to be so without any change of its hour, by a tenant's new customer, a release, a reopened month,
-- or when its deadline has passed, so those hours are compared too; as are those of which an exception without a tenant
-- speaks for all that have no customer. Marks go with the hours that are delivered. The
-- whole statement sees one moment: a mark that another transaction makes meanwhile stays.
with catalogue as (
    select
        event_name,
        measure
    from unnest(%(event_names)s::text[], %(measures)s::text[]) as meters (event_name, measure)
),

open_exceptions as (
    select
        exceptions.kind,
        exceptions.tenant_id,
        exceptions.hour,
        exceptions.subject,
        exceptions.owed,
        coalesce(meter_events.event_name, exceptions.subject) as event_name,
        -- After its deadline it is something else: too late.
        (exceptions.deadline_at >= %(now)s or exceptions.deadline_at is null or exceptions.kind = 'unexplained')
        and coalesce(case exceptions.kind
            when 'unmapped' then tenants.stripe_customer_id is null
            when 'refused'
                -- Whoever has the hour on the books keeps it, else whoever the tenant is mapped to.
                then meter_events.stripe_customer_id = coalesce(
                    (
                        select accepted.stripe_customer_id
                        from fridge.meter_events as accepted
                        where
                            accepted.event_name = meter_events.event_name
                            and accepted.tenant_id = meter_events.tenant_id
                            and accepted.hour = meter_events.hour
                            and accepted.status = 'accepted'
                            and accepted.value <> 0
                        order by accepted.revision desc
                        limit 1
                    ), tenants.stripe_customer_id
                )
            when 'unexplained'
                then exists (
                    select 1 from fridge.stripe_readbacks
                    where
                        stripe_readbacks.identifier = meter_events.identifier
                        and stripe_readbacks.read_at > %(read_again_before)s
                )
            when 'customer_taken'
                then exists (
                    select 1 from fridge.customer_hours
                    where
                        customer_hours.stripe_customer_id = coalesce(
                            (
                                select own.stripe_customer_id
                                from fridge.customer_hours as own
                                where
                                    own.event_name = exceptions.subject
                                    and own.tenant_id = exceptions.tenant_id
                                    and own.hour = exceptions.hour
                                    and own.stated_value <> 0
                                order by own.stripe_customer_id
                                limit 1
                            ), tenants.stripe_customer_id
                        )
                        and customer_hours.event_name = exceptions.subject
                        and customer_hours.hour = exceptions.hour
                        and customer_hours.tenant_id <> exceptions.tenant_id
                )
            when 'month_closed' then fridge.month_is_closed(exceptions.hour)
            when 'held_for_review'
                -- A release covers usage up to what was released.
                then not exists (
                    select 1
                    from fridge.released_usage
                    inner join catalogue on released_usage.measure = catalogue.measure
                    where
                        catalogue.event_name = exceptions.subject
                        and coalesce(released_usage.event_name, exceptions.subject) = exceptions.subject
                        and released_usage.tenant_id = exceptions.tenant_id
                        and released_usage.hour = exceptions.hour
                )
            else true
        end, false) as is_in_force
    from fridge.exceptions
    left join fridge.tenants on exceptions.tenant_id = tenants.tenant_id
    left join fridge.meter_events on replace(exceptions.subject, 'cancel:', '') = meter_events.identifier
    where
        exceptions.closed_at is null
        and exceptions.kind in (
            select exception_kinds.kind
            from fridge.exception_kinds
            where exception_kinds.waits
        )
),

compared as (
    select hour from fridge.marked_hours
    union
    select hour from open_exceptions
    where not is_in_force or tenant_id is null
),

-- At most one row for an hour and meter: of tenants without a customer the usage is unmapped, or else too late.
told_together as (
    select distinct
        hour,
        event_name
    from open_exceptions
    where is_in_force and tenant_id is null
),

metered_usage as (
    select
        measured_usage.tenant_id,
        measured_usage.hour,
        measured_usage.value,
        catalogue.event_name
    from compared
    inner join fridge.measured_usage on compared.hour = measured_usage.hour
    inner join catalogue on measured_usage.measure = catalogue.measure
),

stated as (
    select
        meter_events.event_name,
        meter_events.tenant_id,
        meter_events.hour,
        sum(meter_events.value)::bigint as value
    from compared
    inner join fridge.meter_events on compared.hour = meter_events.hour
    where
        meter_events.status = 'accepted'
        and meter_events.event_name in (select catalogue.event_name from catalogue)
    group by meter_events.event_name, meter_events.tenant_id, meter_events.hour
),

-- Usage without what is stated of it, both ways: usage that is not stated, and statements whose usage is gone.
owed_usage as (
    select
        coalesce(metered_usage.event_name, stated.event_name) as event_name,
        coalesce(metered_usage.tenant_id, stated.tenant_id) as tenant_id,
        coalesce(metered_usage.hour, stated.hour) as hour,
        coalesce(stated.value, 0) as stated_value,
        coalesce(metered_usage.value, 0) - coalesce(stated.value, 0) as owed
    from metered_usage
    full join stated
        on
            metered_usage.event_name = stated.event_name
            and metered_usage.tenant_id = stated.tenant_id
            and metered_usage.hour = stated.hour
),

usable_files as (
    select
        landing_files.landing_hour,
        usage_tables.usage_table,
        md5(string_agg(landing_files.file_id::text, ',' order by landing_files.file_id)) as files_hash
    from compared
    inner join fridge.landing_files on compared.hour = landing_files.landing_hour
    cross join (values ('inserted_counts'), ('active_sensors')) as usage_tables (usage_table)
    where
        landing_files.inserted_count > 0
        and not exists (
            select 1 from fridge.withdrawals
            where withdrawals.file_id = landing_files.file_id
        )
    group by landing_files.landing_hour, usage_tables.usage_table
),

counted as (
    select counted_hours.*
    from compared
    inner join fridge.counted_hours on compared.hour = counted_hours.landing_hour
),

undelivered as (
    select hour
    from fridge.meter_events
    where
        status in ('staged', 'sent', 'unknown')
        and not exists (
            select 1 from open_exceptions
            where
                open_exceptions.is_in_force
                and open_exceptions.kind = 'unexplained'
                and open_exceptions.subject = meter_events.identifier
        )

    union

    select meter_events.hour
    from fridge.meter_event_adjustments
    inner join fridge.meter_events on meter_event_adjustments.identifier = meter_events.identifier
    where
        meter_event_adjustments.status in ('staged', 'sent', 'unknown')
        and not exists (
            select 1 from open_exceptions
            where
                open_exceptions.is_in_force
                and open_exceptions.kind = 'unexplained'
                and open_exceptions.subject = 'cancel:' || meter_events.identifier
        )

    union

    select owed_usage.hour
    from owed_usage
    left join fridge.tenants on owed_usage.tenant_id = tenants.tenant_id
    left join told_together
        on
            owed_usage.hour = told_together.hour
            and owed_usage.event_name = told_together.event_name
    where
        owed_usage.owed <> 0
        and (told_together.hour is null or tenants.stripe_customer_id is not null or owed_usage.stated_value <> 0)
        and owed_usage.hour >= (select billing_start.bill_from from fridge.billing_start)
        and not exists (
            select 1 from open_exceptions
            where
                open_exceptions.is_in_force
                and open_exceptions.event_name = owed_usage.event_name
                and open_exceptions.tenant_id = owed_usage.tenant_id
                and open_exceptions.hour = owed_usage.hour
        )

    union

    -- What waits is another figure than its exception says, or nothing any more: usage was counted anew, and the run
    -- ended before it was judged. What nobody judges now, because of something else that is open, stays as it is.
    select open_exceptions.hour
    from compared
    inner join open_exceptions on compared.hour = open_exceptions.hour
    inner join catalogue on open_exceptions.subject = catalogue.event_name
    left join owed_usage
        on
            open_exceptions.event_name = owed_usage.event_name
            and open_exceptions.tenant_id = owed_usage.tenant_id
            and open_exceptions.hour = owed_usage.hour
    where
        open_exceptions.owed <> coalesce(owed_usage.owed, 0)
        and open_exceptions.hour >= (select billing_start.bill_from from fridge.billing_start)
        and not exists (
            select 1
            from fridge.exceptions as others
            left join fridge.meter_events on replace(others.subject, 'cancel:', '') = meter_events.identifier
            where
                others.closed_at is null
                and others.tenant_id = open_exceptions.tenant_id
                and others.hour = open_exceptions.hour
                and (
                    others.kind = 'contradiction'
                    or (others.kind = 'unexplained' and meter_events.event_name = open_exceptions.event_name)
                )
        )

    union

    -- Hours that were counted from other files than there are now: loaded or withdrawn since, or meanwhile.
    select coalesce(usable_files.landing_hour, counted.landing_hour) as hour
    from usable_files
    full join counted
        on
            usable_files.landing_hour = counted.landing_hour
            and usable_files.usage_table = counted.usage_table
    where usable_files.files_hash is distinct from counted.files_hash
),

unmarked as (
    delete from fridge.marked_hours
    where
        not exists (
            select 1 from undelivered
            where undelivered.hour = marked_hours.hour
        )
)

select hour from undelivered
order by hour;
