insert into public.readings (recorded_at, temperature_c, sensor_key, file_id)
select
    recorded_at,
    temperature_c,
    sensor_key,
    file_id
from staged_readings
order by recorded_at, sensor_key
on conflict do nothing;
