select
    coalesce(inserted_counts.hour, active_sensors.hour) as hour,
    coalesce(inserted_counts.tenant_id, active_sensors.tenant_id) as tenant_id,
    inserted_counts.inserted_count,
    active_sensors.active_sensors
from fridge.inserted_counts
full join fridge.active_sensors
    on inserted_counts.tenant_id = active_sensors.tenant_id and inserted_counts.hour = active_sensors.hour
where coalesce(inserted_counts.hour, active_sensors.hour) between %(first)s and %(last)s
order by hour, tenant_id;
