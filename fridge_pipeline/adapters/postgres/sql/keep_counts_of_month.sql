-- Readings of a month that arrived in hours which can still change.
with late_files as (
    select file_id
    from fridge.landing_files
    where
        landing_hour >= %(hour)s
        and first_recorded_at < %(month_end)s
        and last_recorded_at >= %(month)s
)

insert into fridge.dropped_reading_counts (file_id, sensor_key, month, readings)
select
    stored_readings.file_id,
    stored_readings.sensor_key,
    %(month)s as month,
    count(*) as readings
from fridge.stored_readings
where
    stored_readings.recorded_at >= %(month)s
    and stored_readings.recorded_at < %(month_end)s
    and stored_readings.file_id = any(array(select late_files.file_id from late_files))
group by stored_readings.file_id, stored_readings.sensor_key;
