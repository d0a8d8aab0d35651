-- materialized: view
select
    hour,
    tenant_id,
    meter,
    cause_in_ledger as cause,
    -difference_in_ledger
    - coalesce(invoiced_by_hand_quantity, 0)
    - coalesce(credited_quantity, 0)
    - coalesce(written_off_quantity, 0) as quantity
from fridge.tie_out
where
    cause_in_ledger <> 'not_billed'
    and -difference_in_ledger
    - coalesce(invoiced_by_hand_quantity, 0)
    - coalesce(credited_quantity, 0)
    - coalesce(written_off_quantity, 0)
    <> 0
