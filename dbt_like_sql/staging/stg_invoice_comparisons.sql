-- materialized: view
select
    invoice_comparisons.invoice_id,
    invoices."number" as invoice_number,
    invoices.status,
    invoice_comparisons.tenant_id,
    invoice_comparisons.stripe_customer_id,
    invoice_comparisons.event_name,
    invoice_comparisons.period_start,
    invoice_comparisons.period_end,
    invoice_comparisons.usage_quantity,
    invoice_comparisons.accepted_quantity,
    invoice_comparisons.stripe_quantity,
    invoice_comparisons.invoice_quantity,
    invoice_comparisons.difference,
    invoice_comparisons.cause,
    invoice_causes.is_explained,
    invoice_causes.needs_correction,
    invoice_causes.what_to_do,
    invoice_comparisons.amount,
    invoice_comparisons.currency,
    invoice_comparisons.price_id,
    invoices.finalized_at,
    invoices.read_at,
    invoice_comparisons.compared_at
from fridge.invoice_comparisons
left join fridge.invoices on invoice_comparisons.invoice_id = invoices.invoice_id
left join fridge.invoice_causes on invoice_comparisons.cause = invoice_causes.cause
