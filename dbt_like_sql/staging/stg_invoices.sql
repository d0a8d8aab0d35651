-- materialized: view
select
    invoice_id,
    "number" as invoice_number,
    tenant_id,
    stripe_customer_id,
    status,
    currency,
    total,
    credited,
    created_at,
    finalized_at,
    finalizes_at,
    read_at
from fridge.invoices
