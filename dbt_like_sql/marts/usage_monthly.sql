-- materialized: view
with usage_daily as (
    select * from fridge.usage_daily
),

tenants as (
    select * from fridge.stg_tenants
),

per_month as (
    select
        tenant_id,
        meter,
        date_trunc('month', usage_date)::date as usage_month,
        sum(quantity) as quantity,
        sum(hours_with_usage)::bigint as hours_with_usage,
        min(first_hour) as first_hour,
        max(last_hour) as last_hour,
        sum(readings)::bigint as readings,
        sum(late_readings)::bigint as late_readings,
        round(sum(late_readings) / nullif(sum(readings), 0), 6) as late_share
    from usage_daily
    group by tenant_id, meter, usage_month
),

final as (
    select
        per_month.tenant_id,
        tenants.tenant_name,
        per_month.meter,
        per_month.usage_month,
        per_month.quantity,
        per_month.hours_with_usage,
        per_month.first_hour,
        per_month.last_hour,
        per_month.readings,
        per_month.late_readings,
        per_month.late_share
    from per_month
    left join tenants on per_month.tenant_id = tenants.tenant_id
)

select * from final
