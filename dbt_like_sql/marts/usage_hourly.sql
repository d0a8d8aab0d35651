with inserted_counts as (
    select * from fridge.inserted_counts
),

active_sensors as (
    select * from fridge.active_sensors
),

readings_stored as (
    select
        tenant_id,
        hour,
        'temperature_readings' as meter,
        inserted_count as quantity
    from inserted_counts
),

sensors_active as (
    select
        tenant_id,
        hour,
        'active_sensors' as meter,
        active_sensors as quantity
    from active_sensors
),

final as (
    select * from readings_stored
    union all
    select * from sensors_active
)

select
    tenant_id,
    meter,
    hour,
    quantity
from final
