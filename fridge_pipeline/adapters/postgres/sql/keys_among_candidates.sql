-- One primary key lookup per candidate; the time range lets PostgreSQL skip partitions.
select
    stored_readings.recorded_at,
    stored_readings.sensor_key
from candidate_keys
inner join fridge.stored_readings
    on
        candidate_keys.recorded_at = stored_readings.recorded_at
        and candidate_keys.sensor_key = stored_readings.sensor_key
where stored_readings.recorded_at between $1 and $2;
