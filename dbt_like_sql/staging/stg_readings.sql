-- materialized: view
-- Withdrawn readings are stored, and no usage.
select
    tenant_id,
    sensor_id,
    landing_hour as hour,
    recorded_at,
    recorded_at < landing_hour as is_late
from fridge.readings
where not is_withdrawn
