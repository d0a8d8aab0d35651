-- materialized: view
select
    change_id,
    hour
from fridge.changed_hours
