-- The time range lets PostgreSQL skip partitions; the block range index on file_id finds the blocks.
select
    file_id,
    sensor_key
from fridge.stored_readings
where
    file_id = any(string_to_array($1, ',')::integer[])
    and recorded_at between $2 and $3;
