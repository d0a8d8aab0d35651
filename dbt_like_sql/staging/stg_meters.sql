-- materialized: view
select
    event_name as meter,
    measure,
    formula,
    "window"
from fridge.meters
