-- materialized: view
-- What passes by itself, as a deadline, changes no row: a kept outcome says itself until when it holds.
select hour
from fridge.stg_changed_hours

union

select hour
from fridge.kept_outcomes
where holds_until <= now()
