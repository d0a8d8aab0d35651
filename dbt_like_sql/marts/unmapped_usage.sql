-- materialized: view
-- Usage that nobody pays yet and that can still be billed: no Stripe customer, and nothing stated for an hour that is
-- ours to state. What a person has invoiced by hand or written off waits no more. After the deadline it is too late.
with usage as (
    select * from fridge.stg_usage
),

billed_hours as (
    select * from fridge.stg_billed_hours
    where not is_former
),

tenants as (
    select * from fridge.stg_tenants
),

counted_statements as (
    select * from fridge.stg_statements
    where is_counted_by_stripe
),

settled as (
    select * from fridge.stg_settled_usage
),

final as (
    select
        usage.tenant_id,
        usage.meter,
        usage.hour,
        usage.quantity - coalesce(settled.invoiced + settled.credited + settled.written_off, 0) as quantity,
        usage.hour + interval '1 hour' as waiting_since,
        usage.hour + interval '35 days' as bill_until,
        floor(extract(epoch from usage.hour + interval '35 days' - now()) / 86400)::integer as days_left
    from usage
    inner join billed_hours
        on
            usage.meter = billed_hours.meter
            and usage.hour >= billed_hours.bill_from
            and usage.hour < billed_hours.bill_until
    left join tenants on usage.tenant_id = tenants.tenant_id
    left join settled
        on
            usage.meter = settled.meter
            and usage.tenant_id = settled.tenant_id
            and usage.hour = settled.hour
    where
        tenants.stripe_customer_id is null
        and usage.quantity > coalesce(settled.invoiced + settled.credited + settled.written_off, 0)
        and usage.hour + interval '35 days' > now()
        and not exists (
            select 1 from counted_statements
            where
                counted_statements.meter = usage.meter
                and counted_statements.tenant_id = usage.tenant_id
                and counted_statements.hour = usage.hour
        )
)

select * from final
