-- materialized: view
select
    price_id,
    event_name as meter,
    currency,
    unit_amount,
    tiers_mode,
    tiers,
    divide_by,
    rounds_up
from fridge.prices
where event_name is not null
