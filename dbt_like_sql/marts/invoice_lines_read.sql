-- materialized: view
with invoices as (
    select * from fridge.stg_invoices
),

lines as (
    select * from fridge.stg_invoice_lines
),

final as (
    select
        lines.invoice_id,
        lines.line_number,
        lines.line_id,
        invoices.tenant_id,
        invoices.stripe_customer_id,
        lines.meter,
        lines.price_id,
        lines.period_start,
        lines.period_end,
        lines.quantity,
        lines.amount as amount_minor_units,
        invoices.currency,
        lines.is_invoice_item,
        lines.is_proration,
        invoices.finalized_at
    from lines
    inner join invoices on lines.invoice_id = invoices.invoice_id
)

select * from final
