-- The identities stored from one key to another; served by the primary key. The time alone skips partitions.
select
    recorded_at,
    sensor_key
from fridge.stored_readings
where
    recorded_at between $1 and $3
    and (recorded_at, sensor_key) >= ($1, $2)
    and (recorded_at, sensor_key) <= ($3, $4)
limit $5;
