-- The identities stored from one key to another, in the order of the primary key, which serves them. The time alone
-- skips partitions.
select
    recorded_at,
    sensor_key
from fridge.stored_readings
where
    recorded_at between $1 and $3
    and (recorded_at, sensor_key) >= ($1, $2)
    and (recorded_at, sensor_key) <= ($3, $4)
order by recorded_at, sensor_key
limit $5;
