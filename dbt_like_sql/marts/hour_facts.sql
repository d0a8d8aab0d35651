-- materialized: view
-- One source below the other, to be added up per tenant, meter and hour: whoever reads some hours reads no others,
-- which joins of whole tables would. Facts of an hour that hold for every tenant have neither tenant nor meter.
with meters as (
    select * from fridge.stg_meters
),

file_tallies as (
    select
        tallies.tenant_id,
        meters.meter,
        tallies.hour,
        counts.fact,
        counts.quantity
    from fridge.stg_file_tallies as tallies
    inner join meters on meters.measure = 'inserted_count'
    cross join
        lateral (
            values
            ('file_rows', tallies.row_count),
            ('inserted', tallies.inserted_count),
            ('withdrawn', case when tallies.is_withdrawn then tallies.inserted_count else 0 end),
            ('duplicates', tallies.duplicate_count),
            ('rejected', tallies.rejected_count)
        ) as counts (fact, quantity)
    where tallies.tenant_id is not null
),

usage as not materialized (
    select * from fridge.stg_usage
),

derived_usage as (
    select
        derived.tenant_id,
        meters.meter,
        derived.hour,
        derived.quantity
    from fridge.derived_usage as derived
    inner join meters on derived.measure = meters.measure
),

statements as (
    select
        statements.tenant_id,
        statements.meter,
        statements.hour,
        facts.fact,
        facts.quantity,
        facts.at_time
    from fridge.stg_statements as statements
    cross join
        lateral (
            values
            ('stated', case when statements.is_counted_by_stripe then statements.quantity end, statements.changed_at),
            ('revision', statements.revision, null),
            ('under_way', null, coalesce(statements.first_sent_at, statements.staged_at))
        ) as facts (fact, quantity, at_time)
    where facts.fact <> 'under_way' or statements.is_under_way
),

stripe_hours as (
    select * from fridge.stg_stripe_hours
),

stripe_causes as (
    select * from fridge.stg_stripe_causes
),

exceptions as (
    select
        exceptions.tenant_id,
        meters.meter,
        exceptions.hour,
        exceptions.kind,
        exceptions.cause,
        exceptions.cause_position,
        exceptions.opened_at
    from fridge.stg_exceptions as exceptions
    inner join meters on exceptions.meter = meters.meter or exceptions.subject = ''
    where
        exceptions.is_open
        and exceptions.cause is not null
        and exceptions.tenant_id is not null
        and exceptions.hour is not null

    union all

    -- Without a tenant it speaks for all tenants of the hour and meter that have no customer.
    select
        usage.tenant_id,
        usage.meter,
        usage.hour,
        exceptions.kind,
        exceptions.cause,
        exceptions.cause_position,
        exceptions.opened_at
    from fridge.stg_exceptions as exceptions
    inner join usage on exceptions.hour = usage.hour and exceptions.meter = usage.meter
    left join fridge.stg_tenants as tenants on usage.tenant_id = tenants.tenant_id
    where
        exceptions.is_open
        and exceptions.cause is not null
        and exceptions.tenant_id is null
        and tenants.stripe_customer_id is null
),

settled_usage as (
    select
        settled.tenant_id,
        settled.meter,
        settled.hour,
        facts.fact,
        facts.quantity
    from fridge.stg_settled_usage as settled
    cross join
        lateral (
            values
            ('invoiced_by_hand', settled.invoiced),
            ('credited', settled.credited),
            ('written_off', settled.written_off),
            ('credited_in_stripe', settled.credited_in_stripe)
        ) as facts (fact, quantity)
    where facts.quantity <> 0
),

landing_files as (
    select * from fridge.stg_landing_files
    where inserted_count > 0
),

counted_hours as (
    select * from fridge.stg_counted_hours
),

derived_hours as (
    select * from fridge.stg_derived_hours
),

final as (
    select
        tenant_id,
        meter,
        hour,
        fact,
        quantity::numeric as quantity,
        null::timestamptz as at_time,
        null::text as word
    from file_tallies

    union all

    select
        tenant_id,
        meter,
        hour,
        'derived' as fact,
        quantity,
        null as at_time,
        null as word
    from derived_usage

    union all

    select
        tenant_id,
        meter,
        hour,
        'usage' as fact,
        quantity,
        null as at_time,
        null as word
    from usage

    union all

    select
        tenant_id,
        meter,
        hour,
        fact,
        quantity,
        at_time,
        null as word
    from statements

    union all

    select
        tenant_id,
        meter,
        hour,
        'stripe' as fact,
        quantity,
        null as at_time,
        null as word
    from stripe_hours

    union all

    select
        tenant_id,
        meter,
        hour,
        'stripe_differs' as fact,
        null as quantity,
        null as at_time,
        cause as word
    from stripe_causes

    union all

    select
        tenant_id,
        meter,
        hour,
        'exception' as fact,
        cause_position as quantity,
        opened_at as at_time,
        cause as word
    from exceptions

    union all

    select
        tenant_id,
        meter,
        hour,
        fact,
        quantity,
        null as at_time,
        null as word
    from settled_usage

    union all

    select
        null as tenant_id,
        null as meter,
        hour,
        'files_changed' as fact,
        null as quantity,
        greatest(loaded_at, withdrawn_at) as at_time,
        null as word
    from landing_files

    union all

    select
        null as tenant_id,
        null as meter,
        hour,
        'counted' as fact,
        null as quantity,
        counted_at as at_time,
        null as word
    from counted_hours

    union all

    select
        null as tenant_id,
        null as meter,
        hour,
        'derived_anew' as fact,
        null as quantity,
        derived_at as at_time,
        null as word
    from derived_hours
)

select * from final
