-- materialized: view
select
    hour,
    built_at as derived_at
from fridge.model_hours
where model = 'sensor_hours'
