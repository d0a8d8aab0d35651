-- materialized: view
-- Of each invoice what is asked for, row by row: a join would look for the newest of all invoices, whoever asks.
select
    invoice_comparisons.invoice_id,
    (
        select invoices."number"
        from fridge.invoices
        where invoices.invoice_id = invoice_comparisons.invoice_id
    ) as invoice_number,
    (
        select invoices.status
        from fridge.invoices
        where invoices.invoice_id = invoice_comparisons.invoice_id
    ) as status,
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
    (
        select invoices.finalized_at
        from fridge.invoices
        where invoices.invoice_id = invoice_comparisons.invoice_id
    ) as finalized_at,
    (
        select invoices.read_at
        from fridge.invoices
        where invoices.invoice_id = invoice_comparisons.invoice_id
    ) as read_at,
    invoice_comparisons.compared_at
from fridge.invoice_comparisons
left join fridge.invoice_causes on invoice_comparisons.cause = invoice_causes.cause
