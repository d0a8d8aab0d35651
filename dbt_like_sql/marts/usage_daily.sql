with usage_hourly as (
    select * from fridge.usage_hourly
),

final as (
    select
        tenant_id,
        meter,
        (hour at time zone 'UTC')::date as usage_date,
        sum(quantity)::bigint as quantity,
        count(*) as hours_with_usage,
        min(hour) as first_hour,
        max(hour) as last_hour
    from usage_hourly
    group by tenant_id, meter, usage_date
)

select * from final
