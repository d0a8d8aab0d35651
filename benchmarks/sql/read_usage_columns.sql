select
    file_id,
    sensor_key
from fridge.stored_readings;
