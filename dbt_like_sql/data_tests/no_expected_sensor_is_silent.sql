select
    tenant_id,
    sensor_id,
    silent_from,
    hours_silent
from fridge.data_gaps
where silent_until is null
