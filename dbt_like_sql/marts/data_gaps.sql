-- materialized: table
-- A sensor is expected in every hour once it had readings in at least 12 of the 24 hours before. When it then has none,
-- it is silent: its readings are missing, which is another statement than a reading of nothing.
with sensor_hours as (
    select * from fridge.sensor_hours
),

-- Of an hour that has just ended not every gateway has delivered.
newest as (
    select max(hour) as hour
    from sensor_hours
    where hour + interval '2 hours' <= now()
),

in_order as (
    select
        tenant_id,
        sensor_id,
        hour,
        lead(hour) over sensor_order as next_hour,
        count(*) over the_day_before as hours_with_readings,
        sum(readings) over the_day_before as readings
    from sensor_hours
    window
        sensor_order as (partition by tenant_id, sensor_id order by hour),
        the_day_before as (
            partition by tenant_id, sensor_id
            order by hour
            range between interval '23 hours' preceding and current row
        )
),

final as (
    select
        in_order.tenant_id,
        in_order.sensor_id,
        in_order.hour + interval '1 hour' as silent_from,
        in_order.next_hour as silent_until,
        (
            extract(epoch from coalesce(in_order.next_hour, newest.hour + interval '1 hour') - in_order.hour) / 3600 - 1
        )::integer as hours_silent,
        round(in_order.readings / in_order.hours_with_readings, 1) as readings_per_hour_before
    from in_order
    cross join newest
    where
        in_order.hours_with_readings >= 12
        and coalesce(in_order.next_hour, newest.hour + interval '1 hour') > in_order.hour + interval '1 hour'
)

select * from final
