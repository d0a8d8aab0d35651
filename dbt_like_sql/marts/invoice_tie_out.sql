-- materialized: view
with comparisons as (
    select * from fridge.stg_invoice_comparisons
),

tenants as (
    select * from fridge.stg_tenants
),

final as (
    select
        comparisons.invoice_id,
        comparisons.invoice_number,
        comparisons.status,
        comparisons.tenant_id,
        tenants.tenant_name,
        comparisons.stripe_customer_id,
        comparisons.event_name,
        comparisons.period_start,
        comparisons.period_end,
        comparisons.usage_quantity,
        comparisons.accepted_quantity,
        comparisons.stripe_quantity,
        comparisons.invoice_quantity,
        comparisons.difference,
        comparisons.cause,
        coalesce(comparisons.is_explained, true) as is_explained,
        comparisons.what_to_do,
        comparisons.amount as amount_minor_units,
        comparisons.currency,
        comparisons.finalized_at,
        comparisons.read_at,
        comparisons.compared_at
    from comparisons
    left join tenants on comparisons.tenant_id = tenants.tenant_id
)

select * from final
