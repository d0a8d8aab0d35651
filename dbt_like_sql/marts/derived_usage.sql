-- materialized: view
with sensor_hours as (
    select * from fridge.sensor_hours
),

per_tenant as (
    select
        tenant_id,
        hour,
        sum(readings)::bigint as readings,
        count(*) as sensors
    from sensor_hours
    group by tenant_id, hour
),

final as (
    select
        tenant_id,
        hour,
        'inserted_count' as measure,
        readings as quantity
    from per_tenant

    union all

    select
        tenant_id,
        hour,
        'active_sensors' as measure,
        sensors as quantity
    from per_tenant
)

select * from final
