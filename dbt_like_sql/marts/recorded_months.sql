-- materialized: increment by hour
-- In which months the usage of an hour was recorded. In most hours each sensor delivers readings of one month, which
-- sensor_hours knows already; only of the others the stored readings are read once more. A sensor-hour is of the month
-- of its newest reading.
with hours as (
    select
        hour,
        bool_or(
            first_recorded_at is null
            or date_trunc('month', first_recorded_at, 'UTC') <> date_trunc('month', last_recorded_at, 'UTC')
        ) as is_of_several_months
    from fridge.sensor_hours
    group by hour
),

-- Of a sensor that also has readings of a dropped month, sensor_hours knows the others' times only.
hours_to_split as (
    select
        hours.hour,
        hours.is_of_several_months or dropped.hour is not null as is_split
    from hours
    left join
        lateral (
            select stg_dropped_readings.hour
            from fridge.stg_dropped_readings
            where stg_dropped_readings.hour = hours.hour
            order by stg_dropped_readings.hour
            limit 1
        ) as dropped
        on true
),

final as (
    select
        months.tenant_id,
        hours_to_split.hour,
        months.month_recorded,
        months.readings,
        months.sensors
    from hours_to_split
    cross join
        lateral (
            select
                sensor_hours.tenant_id,
                date_trunc('month', sensor_hours.last_recorded_at at time zone 'UTC')::date as month_recorded,
                sum(sensor_hours.readings)::bigint as readings,
                count(*) as sensors
            from fridge.sensor_hours
            where sensor_hours.hour = hours_to_split.hour and not hours_to_split.is_split
            group by sensor_hours.tenant_id, month_recorded

            union all

            select
                of_sensors.tenant_id,
                of_sensors.month_recorded,
                sum(of_sensors.readings)::bigint as readings,
                count(*) filter (where of_sensors.month_recorded = of_sensors.newest_month) as sensors
            from (
                select
                    together.tenant_id,
                    together.month_recorded,
                    sum(together.readings) as readings,
                    max(together.month_recorded) over (
                        partition by together.tenant_id, together.sensor_id
                    ) as newest_month
                from (
                    select
                        stg_readings.tenant_id,
                        stg_readings.sensor_id,
                        date_trunc('month', stg_readings.recorded_at at time zone 'UTC')::date as month_recorded,
                        count(*) as readings
                    from fridge.stg_readings
                    where stg_readings.hour = hours_to_split.hour and hours_to_split.is_split
                    group by stg_readings.tenant_id, stg_readings.sensor_id, month_recorded

                    union all

                    select
                        stg_dropped_readings.tenant_id,
                        stg_dropped_readings.sensor_id,
                        stg_dropped_readings.month_recorded,
                        stg_dropped_readings.readings
                    from fridge.stg_dropped_readings
                    where stg_dropped_readings.hour = hours_to_split.hour and hours_to_split.is_split
                ) as together
                group by together.tenant_id, together.sensor_id, together.month_recorded
            ) as of_sensors
            group by of_sensors.tenant_id, of_sensors.month_recorded
        ) as months
)

select * from final
