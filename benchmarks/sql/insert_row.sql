insert into public.readings (recorded_at, temperature_c, sensor_key, file_id)
values ($1, $2, $3, $4)
on conflict do nothing;
