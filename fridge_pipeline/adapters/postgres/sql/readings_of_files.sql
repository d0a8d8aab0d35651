-- What some landing files stored, per tenant; the time range lets PostgreSQL skip partitions.
with span as (
    select
        min(first_recorded_at) as first_at,
        max(last_recorded_at) as last_at
    from fridge.landing_files
    where file_id = any(%(file_ids)s)
),

stored as (
    select
        sensor_key,
        count(*) as readings
    from fridge.stored_readings
    where
        file_id = any(%(file_ids)s)
        and recorded_at >= (select span.first_at from span)
        and recorded_at <= (select span.last_at from span)
    group by sensor_key

    union all

    select
        sensor_key,
        sum(readings) as readings
    from fridge.dropped_reading_counts
    where file_id = any(%(file_ids)s)
    group by sensor_key
)

select
    sensors.tenant_id,
    sum(stored.readings)::bigint as readings
from stored
inner join fridge.sensors on stored.sensor_key = sensors.sensor_key
group by sensors.tenant_id
order by sensors.tenant_id;
