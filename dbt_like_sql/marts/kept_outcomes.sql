-- materialized: kept by hour
select
    hour,
    meter,
    outcome,
    cause,
    quantity,
    holds_until
from fridge.hour_outcomes
