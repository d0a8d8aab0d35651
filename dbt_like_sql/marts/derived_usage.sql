-- materialized: view
with sensor_hours as (
    select * from fridge.sensor_hours
),

declared_hours as (
    select * from fridge.declared_hours
),

per_tenant as (
    select
        tenant_id,
        hour,
        fridge.total(readings)::numeric as readings,
        count(*)::numeric as sensors
    from sensor_hours
    group by tenant_id, hour
),

final as (
    select
        per_tenant.tenant_id,
        per_tenant.hour,
        measures.measure,
        measures.quantity
    from per_tenant
    cross join
        lateral (
            values
            ('inserted_count', per_tenant.readings),
            ('active_sensors', per_tenant.sensors)
        ) as measures (measure, quantity)

    union all

    select
        tenant_id,
        hour,
        measure,
        quantity::numeric as quantity
    from declared_hours
)

select * from final
