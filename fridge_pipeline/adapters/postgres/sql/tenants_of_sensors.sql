select
    sensor_key,
    tenant_id
from fridge.sensors
where sensor_key = any(string_to_array($1, ',')::integer[]);
