-- materialized: view
select
    cause,
    step,
    is_explained,
    words,
    meaning,
    outcome,
    expires
from fridge.causes
