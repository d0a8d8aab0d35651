-- materialized: view
with invoices as (
    select * from fridge.stg_invoices
),

tenants as (
    select * from fridge.stg_tenants
),

-- A tenant that has got another customer keeps its invoices.
compared_tenants as (
    select distinct on (invoice_id)
        invoice_id,
        tenant_id
    from fridge.stg_invoice_comparisons
    where invoice_id is not null and tenant_id is not null
    order by invoice_id asc, accepted_quantity desc, tenant_id asc
),

final as (
    select
        invoices.invoice_id,
        invoices.invoice_number,
        coalesce(compared_tenants.tenant_id, invoices.tenant_id) as tenant_id,
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
    left join compared_tenants on invoices.invoice_id = compared_tenants.invoice_id
    left join tenants on coalesce(compared_tenants.tenant_id, invoices.tenant_id) = tenants.tenant_id
)

select * from final
