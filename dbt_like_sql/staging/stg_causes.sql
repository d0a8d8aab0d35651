-- materialized: view
select
    cause,
    step,
    is_explained,
    words,
    meaning
from fridge.causes
