-- What was counted of these files and is no longer stored.
select
    file_id,
    sensor_key,
    readings
from fridge.dropped_reading_counts
where file_id between {first} and {last};
