-- materialized: increment by hour
-- Declared measures once more from the stored readings, in SQL: a second count beside that of polars.
with hours as (
    select hour
    from fridge.stg_landing_files
    where inserted_count > 0 and not is_withdrawn
    group by hour
),

final as (
    select
        derived.tenant_id,
        hours.hour,
        derived.measure,
        derived.quantity
    from hours
    cross join lateral fridge.derived_declared(hours.hour) as derived
)

select * from final
