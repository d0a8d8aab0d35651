-- materialized: view
-- What is counted and not split by month is a row of its own.
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
        hour,
        meter,
        null::date as month_recorded,
        quantity
    from usage

    union all

    select
        recorded_months.hour,
        meters.meter,
        splits.month_recorded,
        splits.share * case meters.measure
            when 'inserted_count' then recorded_months.readings
            when 'active_sensors' then recorded_months.sensors
        end as quantity
    from recorded_months
    cross join meters
    cross join lateral (values (recorded_months.month_recorded, 1), (null, -1)) as splits (month_recorded, share)
    where meters.measure in ('inserted_count', 'active_sensors')
),

final as (
    select
        hour,
        meter,
        month_recorded,
        sum(quantity)::bigint as quantity
    from stacked
    group by hour, meter, month_recorded
    having sum(quantity) <> 0
)

select * from final
