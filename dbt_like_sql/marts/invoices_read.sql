-- materialized: view
with invoices as (
    select * from fridge.stg_invoices
),

tenants as (
    select * from fridge.stg_tenants
),

final as (
    select
        invoices.invoice_id,
        invoices.invoice_number,
        invoices.tenant_id,
        tenants.tenant_name,
        invoices.stripe_customer_id,
        invoices.status,
        invoices.currency,
        invoices.total as total_minor_units,
        invoices.credited as credited_minor_units,
        invoices.created_at,
        invoices.finalized_at,
        invoices.finalizes_at,
        invoices.read_at
    from invoices
    left join tenants on invoices.tenant_id = tenants.tenant_id
)

select * from final
