-- materialized: view
with usage_hourly as (
    select * from fridge.usage_hourly
),

final as (
    select
        tenant_id,
        meter,
        (hour at time zone 'UTC')::date as usage_date,
        sum(quantity) as quantity,
        count(*) as hours_with_usage,
        min(hour) as first_hour,
        max(hour) as last_hour,
        sum(readings)::bigint as readings,
        sum(late_readings)::bigint as late_readings,
        round(sum(late_readings) / nullif(sum(readings), 0), 6) as late_share
    from usage_hourly
    group by tenant_id, meter, usage_date
)

select * from final
