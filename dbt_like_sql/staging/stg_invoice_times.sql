-- materialized: view
select
    invoice_snapshots.invoice_id,
    lines.period_start,
    lines.period_end
from fridge.invoice_line_snapshots as lines
inner join fridge.invoice_snapshots on lines.snapshot_id = invoice_snapshots.snapshot_id

union

select
    invoice_id,
    period_start,
    period_end
from fridge.invoice_comparisons
where invoice_id is not null
