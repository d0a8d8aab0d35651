select
    sensor_key,
    tenant_id
from fridge.sensors
where sensor_key = any({sensor_keys}::integer[]);
