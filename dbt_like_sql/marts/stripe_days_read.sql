-- materialized: view
-- Of a day with statements that nobody has looked into Stripe for, nothing was read either.
with days as (
    select
        tenant_id,
        meter,
        usage_date,
        quantity,
        read_at
    from fridge.stg_stripe_days

    union all

    select
        tenant_id,
        meter,
        usage_date,
        null as quantity,
        null as read_at
    from fridge.tenant_days
    where stated_quantity is not null
),

tenants as (
    select
        tenant_id,
        meter,
        usage_date,
        max(quantity) as quantity,
        max(read_at) as read_at
    from days
    group by tenant_id, meter, usage_date
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
    from tenants
    group by usage_date, meter
)

select * from final
