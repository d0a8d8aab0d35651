-- The identities stored in a file's time range; served by the primary key, which leads with time.
select
    recorded_at,
    sensor_key
from fridge.stored_readings
where recorded_at between $1 and $2;
