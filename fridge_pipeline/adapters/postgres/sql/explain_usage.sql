select
    (
        select inserted_count from fridge.inserted_counts
        where tenant_id = %(tenant_id)s and hour = %(hour)s
    ) as inserted_count,
    (
        select active_sensors from fridge.active_sensors
        where tenant_id = %(tenant_id)s and hour = %(hour)s
    ) as active_sensors;
