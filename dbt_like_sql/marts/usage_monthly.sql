with usage_daily as (
    select * from fridge.usage_daily
),

final as (
    select
        tenant_id,
        meter,
        date_trunc('month', usage_date)::date as usage_month,
        sum(quantity)::bigint as quantity,
        sum(hours_with_usage)::bigint as hours_with_usage,
        min(first_hour) as first_hour,
        max(last_hour) as last_hour
    from usage_daily
    group by tenant_id, meter, usage_month
)

select * from final
