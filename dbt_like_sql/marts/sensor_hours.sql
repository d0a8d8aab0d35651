-- materialized: increment by hour
-- The hours of sensors once more from the stored readings, in SQL: a second count beside that of polars.
with readings as (
    select * from fridge.stg_readings
),

dropped_readings as (
    select * from fridge.stg_dropped_readings
),

together as (
    select
        tenant_id,
        sensor_id,
        hour,
        count(*) as readings,
        count(*) filter (where is_late) as late_readings,
        min(recorded_at) as first_recorded_at,
        max(recorded_at) as last_recorded_at
    from readings
    group by tenant_id, sensor_id, hour

    union all

    select
        tenant_id,
        sensor_id,
        hour,
        readings,
        readings as late_readings,
        null as first_recorded_at,
        null as last_recorded_at
    from dropped_readings
),

final as (
    select
        tenant_id,
        sensor_id,
        hour,
        sum(readings)::bigint as readings,
        sum(late_readings)::bigint as late_readings,
        min(first_recorded_at) as first_recorded_at,
        max(last_recorded_at) as last_recorded_at
    from together
    group by tenant_id, sensor_id, hour
)

select * from final
