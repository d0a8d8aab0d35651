-- The careful way: another load is storing the same readings right now, so the primary key decides row by row.
with stored as (
    insert into fridge.stored_readings (recorded_at, temperature_c, sensor_key, file_id)
    select
        recorded_at,
        temperature_c,
        sensor_key,
        file_id
    from contested_readings
    order by recorded_at, sensor_key
    on conflict do nothing
    returning recorded_at, sensor_key, file_id
)

select
    recorded_at,
    sensor_key,
    file_id
from stored;
