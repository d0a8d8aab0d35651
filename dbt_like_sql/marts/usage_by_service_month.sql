-- materialized: view
-- One source below the other and then added up by month: what is counted and not split by month is a row of its own.
with usage as (
    select * from fridge.stg_usage
),

recorded_months as (
    select * from fridge.recorded_months
),

meters as (
    select * from fridge.stg_meters
    where formula is not null
),

stacked as (
    select
        tenant_id,
        meter,
        date_trunc('month', hour at time zone 'UTC')::date as month_billed,
        null::date as month_recorded,
        quantity as counted,
        null::bigint as recorded
    from usage

    union all

    select
        recorded_months.tenant_id,
        meters.meter,
        date_trunc('month', recorded_months.hour at time zone 'UTC')::date as month_billed,
        recorded_months.month_recorded,
        null as counted,
        case meters.measure
            when 'inserted_count' then recorded_months.readings
            when 'active_sensors' then recorded_months.sensors
        end as recorded
    from recorded_months
    cross join meters
    where meters.measure in ('inserted_count', 'active_sensors')
),

per_month as (
    select
        tenant_id,
        meter,
        month_billed,
        month_recorded,
        sum(counted) as counted,
        sum(recorded) as recorded
    from stacked
    group by tenant_id, meter, month_billed, month_recorded
),

split as (
    select
        tenant_id,
        meter,
        month_billed,
        month_recorded,
        coalesce(
            recorded, counted - coalesce(sum(recorded) over (partition by tenant_id, meter, month_billed), 0)
        ) as quantity
    from per_month
),

final as (
    select
        tenant_id,
        meter,
        month_billed,
        month_recorded,
        quantity
    from split
    where quantity <> 0
)

select * from final
