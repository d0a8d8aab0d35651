-- The identities stored from one key to another, in the order of the primary key, which serves them. The time alone
-- skips partitions.
select
    recorded_at,
    sensor_key
from fridge.stored_readings
where
    recorded_at between {first_at} and {last_at}
    and (recorded_at, sensor_key) >= ({first_at}, {first_sensor})
    and (recorded_at, sensor_key) <= ({last_at}, {last_sensor})
order by recorded_at, sensor_key
limit {keys_max};
