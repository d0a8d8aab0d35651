-- materialized: view
select
    cause,
    step,
    is_explained,
    words,
    meaning,
    outcome,
    expires,
    is_delivered_next
from fridge.causes
