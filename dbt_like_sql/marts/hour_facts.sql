-- materialized: view
-- One source below the other, to be added up per tenant, meter and hour: whoever reads some hours reads no others,
-- which joins of whole tables would. Facts of an hour that hold for every tenant have neither tenant nor meter.
with meters as (
    select * from fridge.stg_meters
    where formula is not null
),

-- What is told of an hour and meter without a tenant: of all tenants that have no customer.
told as (
    select
        hour,
        meter,
        min(to_char(cause_position, 'FM0000') || cause) as exception_cause,
        max(opened_at) filter (where cause in ('refused', 'customer_gone')) as ledger_changed_at
    from fridge.stg_exceptions
    where is_open and cause is not null and tenant_id is null
    group by hour, meter
),

usage as (
    select
        usage.*,
        told.exception_cause,
        told.ledger_changed_at
    from fridge.stg_usage as usage
    left join told
        on
            usage.hour = told.hour
            and usage.meter = told.meter
            and usage.tenant_id not in (
                select tenants.tenant_id
                from fridge.stg_tenants as tenants
                where tenants.stripe_customer_id is not null
            )
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
    inner join fridge.stg_billed_hours as meters
        on
            (exceptions.meter = meters.meter or (exceptions.subject = '' and not meters.is_former))
            and exceptions.hour >= meters.begins_at
            and exceptions.hour < meters.bill_until
    where
        exceptions.is_open
        and exceptions.cause is not null
        and exceptions.tenant_id is not null
        and exceptions.hour is not null
)

select
    file_tallies.tenant_id,
    meters.meter,
    file_tallies.hour,
    file_tallies.row_count as file_rows,
    file_tallies.inserted_count as inserted,
    case when file_tallies.is_withdrawn then file_tallies.inserted_count else 0 end as withdrawn,
    file_tallies.duplicate_count as duplicates,
    file_tallies.rejected_count as rejected,
    null::numeric as derived,
    null::numeric as usage,
    null::numeric as stated,
    null::integer as revision,
    null::timestamptz as under_way_since,
    null::timestamptz as ledger_changed_at,
    null::numeric as stripe,
    null::text as stripe_cause,
    null::text as exception_cause,
    null::numeric as invoiced_by_hand,
    null::numeric as credited,
    null::numeric as written_off,
    null::numeric as credited_in_stripe,
    null::timestamptz as files_changed_at,
    null::timestamptz as counted_at,
    null::timestamptz as derived_at
from fridge.stg_file_tallies as file_tallies
inner join meters on meters.measure = 'inserted_count'
where file_tallies.tenant_id is not null

union all

select
    tenant_id,
    meter,
    hour,
    null as file_rows,
    null as inserted,
    null as withdrawn,
    null as duplicates,
    null as rejected,
    quantity as derived,
    null as usage,
    null as stated,
    null as revision,
    null as under_way_since,
    null as ledger_changed_at,
    null as stripe,
    null as stripe_cause,
    null as exception_cause,
    null as invoiced_by_hand,
    null as credited,
    null as written_off,
    null as credited_in_stripe,
    null as files_changed_at,
    null as counted_at,
    null as derived_at
from derived_usage

union all

select
    tenant_id,
    meter,
    hour,
    null as file_rows,
    null as inserted,
    null as withdrawn,
    null as duplicates,
    null as rejected,
    null as derived,
    quantity as usage,
    null as stated,
    null as revision,
    null as under_way_since,
    ledger_changed_at,
    null as stripe,
    null as stripe_cause,
    exception_cause,
    null as invoiced_by_hand,
    null as credited,
    null as written_off,
    null as credited_in_stripe,
    null as files_changed_at,
    null as counted_at,
    null as derived_at
from usage

union all

select
    tenant_id,
    meter,
    hour,
    null as file_rows,
    null as inserted,
    null as withdrawn,
    null as duplicates,
    null as rejected,
    null as derived,
    null as usage,
    case when is_counted_by_stripe then quantity end as stated,
    revision,
    case when is_under_way then coalesce(first_sent_at, staged_at) end as under_way_since,
    changed_at as ledger_changed_at,
    null as stripe,
    null as stripe_cause,
    null as exception_cause,
    null as invoiced_by_hand,
    null as credited,
    null as written_off,
    null as credited_in_stripe,
    null as files_changed_at,
    null as counted_at,
    null as derived_at
from fridge.stg_statements

union all

select
    tenant_id,
    meter,
    hour,
    null as file_rows,
    null as inserted,
    null as withdrawn,
    null as duplicates,
    null as rejected,
    null as derived,
    null as usage,
    null as stated,
    null as revision,
    null as under_way_since,
    null as ledger_changed_at,
    quantity as stripe,
    null as stripe_cause,
    null as exception_cause,
    null as invoiced_by_hand,
    null as credited,
    null as written_off,
    null as credited_in_stripe,
    null as files_changed_at,
    null as counted_at,
    null as derived_at
from fridge.stg_stripe_hours

union all

select
    tenant_id,
    meter,
    hour,
    null as file_rows,
    null as inserted,
    null as withdrawn,
    null as duplicates,
    null as rejected,
    null as derived,
    null as usage,
    null as stated,
    null as revision,
    null as under_way_since,
    null as ledger_changed_at,
    null as stripe,
    cause as stripe_cause,
    null as exception_cause,
    null as invoiced_by_hand,
    null as credited,
    null as written_off,
    null as credited_in_stripe,
    null as files_changed_at,
    null as counted_at,
    null as derived_at
from fridge.stg_stripe_causes

union all

select
    tenant_id,
    meter,
    hour,
    null as file_rows,
    null as inserted,
    null as withdrawn,
    null as duplicates,
    null as rejected,
    null as derived,
    null as usage,
    null as stated,
    null as revision,
    null as under_way_since,
    case when cause in ('refused', 'customer_gone') then opened_at end as ledger_changed_at,
    null as stripe,
    null as stripe_cause,
    to_char(cause_position, 'FM0000') || cause as exception_cause,
    null as invoiced_by_hand,
    null as credited,
    null as written_off,
    null as credited_in_stripe,
    null as files_changed_at,
    null as counted_at,
    null as derived_at
from exceptions

union all

select
    tenant_id,
    meter,
    hour,
    null as file_rows,
    null as inserted,
    null as withdrawn,
    null as duplicates,
    null as rejected,
    null as derived,
    null as usage,
    null as stated,
    null as revision,
    null as under_way_since,
    null as ledger_changed_at,
    null as stripe,
    null as stripe_cause,
    null as exception_cause,
    nullif(invoiced, 0) as invoiced_by_hand,
    nullif(credited, 0) as credited,
    nullif(written_off, 0) as written_off,
    nullif(credited_in_stripe, 0) as credited_in_stripe,
    null as files_changed_at,
    null as counted_at,
    null as derived_at
from fridge.stg_settled_usage
where invoiced <> 0 or credited <> 0 or written_off <> 0 or credited_in_stripe <> 0

union all

select
    null as tenant_id,
    null as meter,
    hour,
    null as file_rows,
    null as inserted,
    null as withdrawn,
    null as duplicates,
    null as rejected,
    null as derived,
    null as usage,
    null as stated,
    null as revision,
    null as under_way_since,
    null as ledger_changed_at,
    null as stripe,
    null as stripe_cause,
    null as exception_cause,
    null as invoiced_by_hand,
    null as credited,
    null as written_off,
    null as credited_in_stripe,
    greatest(loaded_at, withdrawn_at) as files_changed_at,
    null as counted_at,
    null as derived_at
from fridge.stg_landing_files
where inserted_count > 0

union all

select
    null as tenant_id,
    null as meter,
    hour,
    null as file_rows,
    null as inserted,
    null as withdrawn,
    null as duplicates,
    null as rejected,
    null as derived,
    null as usage,
    null as stated,
    null as revision,
    null as under_way_since,
    null as ledger_changed_at,
    null as stripe,
    null as stripe_cause,
    null as exception_cause,
    null as invoiced_by_hand,
    null as credited,
    null as written_off,
    null as credited_in_stripe,
    null as files_changed_at,
    counted_at,
    null as derived_at
from fridge.stg_counted_hours

union all

select
    null as tenant_id,
    null as meter,
    hour,
    null as file_rows,
    null as inserted,
    null as withdrawn,
    null as duplicates,
    null as rejected,
    null as derived,
    null as usage,
    null as stated,
    null as revision,
    null as under_way_since,
    null as ledger_changed_at,
    null as stripe,
    null as stripe_cause,
    null as exception_cause,
    null as invoiced_by_hand,
    null as credited,
    null as written_off,
    null as credited_in_stripe,
    null as files_changed_at,
    null as counted_at,
    derived_at
from fridge.stg_derived_hours
