-- Without a time range on purpose: a late reading makes it wide, and the planner would then read the whole primary key.
-- File ids are found by block ranges, which cost what the files hold.
select
    file_id,
    sensor_key
from fridge.stored_readings
where file_id between {first} and {last};
