-- materialized: view
with stripe_days as (
    select * from fridge.stg_stripe_days
),

final as (
    select
        usage_date,
        meter,
        sum(quantity) as quantity,
        count(*) as tenants,
        count(*) - count(quantity) as tenants_not_read,
        min(read_at) as first_read_at,
        max(read_at) as last_read_at
    from stripe_days
    group by usage_date, meter
)

select * from final
