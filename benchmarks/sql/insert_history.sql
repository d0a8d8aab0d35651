-- One hour's readings in the order of time, the sensors one after another.
insert into fridge.stored_readings (recorded_at, temperature_c, sensor_key, file_id)
select
    %(hour)s::timestamptz + number * (interval '1 hour' / %(readings)s) as recorded_at,
    mod(number, 100) / 10.0 as temperature_c,
    mod(number, %(sensors)s) + 1 as sensor_key,
    %(file_id)s::integer
from generate_series(0, %(readings)s - 1) as numbers (number);
