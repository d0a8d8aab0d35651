-- Like stored_readings_of_files, where every file in between is of the same hour.
select sensor_key
from fridge.stored_readings
where file_id between {first} and {last};
