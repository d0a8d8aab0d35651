-- materialized: view
-- Late readings of months that were dropped since; how many they were per file and sensor is kept.
select
    sensors.tenant_id,
    sensors.sensor_id,
    landing_files.hour,
    (dropped_reading_counts.month at time zone 'UTC')::date as month_recorded,
    dropped_reading_counts.readings
from fridge.stg_landing_files as landing_files
inner join fridge.dropped_reading_counts on landing_files.file_id = dropped_reading_counts.file_id
inner join fridge.sensors on dropped_reading_counts.sensor_key = sensors.sensor_key
where not landing_files.is_withdrawn
