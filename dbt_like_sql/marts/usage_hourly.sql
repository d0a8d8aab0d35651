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

-- Added up before each meter gets them: a tenant has many sensors.
read as (
    select
        tenant_id,
        hour,
        fridge.total(readings) as readings,
        fridge.total(late_readings) as late_readings
    from sensor_hours
    group by hour, tenant_id
),

-- One below the other and then put together: a reader of some hours reads no others, which a join would.
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
        read.tenant_id,
        meters.meter,
        read.hour,
        null as quantity,
        read.readings,
        read.late_readings
    from read
    cross join meters
),

final as (
    select
        tenant_id,
        meter,
        hour,
        fridge.total(quantity) as quantity,
        fridge.total(readings) as readings,
        fridge.total(late_readings) as late_readings,
        round(fridge.total(late_readings)::numeric / nullif(fridge.total(readings), 0), 6) as late_share
    from stacked
    group by tenant_id, meter, hour
    having count(quantity) > 0
)

select * from final
