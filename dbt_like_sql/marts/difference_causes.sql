-- materialized: view
-- As fridge_pipeline/reason_codes.py has them; what only the reconciliation finds has no step.
select
    cause,
    step,
    is_explained,
    is_delivered_next,
    meaning
from fridge.stg_causes
where step is not null
