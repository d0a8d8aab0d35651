-- materialized: view
with usage as (
    select * from fridge.stg_usage
),

sensor_hours as (
    select * from fridge.sensor_hours
),

meters as (
    select * from fridge.stg_meters
    where formula is not null
),

-- One below the other and then added up: a reader of some hours reads no others, which a join would.
stacked as (
    select
        tenant_id,
        meter,
        hour,
        quantity,
        null::bigint as readings,
        null::bigint as late_readings
    from usage

    union all

    select
        sensor_hours.tenant_id,
        meters.meter,
        sensor_hours.hour,
        null as quantity,
        sensor_hours.readings,
        sensor_hours.late_readings
    from sensor_hours
    cross join meters
),

final as (
    select
        tenant_id,
        meter,
        hour,
        sum(quantity) as quantity,
        sum(readings)::bigint as readings,
        sum(late_readings)::bigint as late_readings,
        round(sum(late_readings) / nullif(sum(readings), 0), 6) as late_share
    from stacked
    group by tenant_id, meter, hour
    having count(quantity) > 0
)

select * from final
