-- materialized: view
-- Hours that nothing has changed since are added up from what is kept of them, the others from the books:
-- one by one, as offset 0 has it, where a join would add up all to find them.
with hours_not_kept as (
    select * from fridge.hours_not_kept
),

kept as (
    select * from fridge.kept_outcomes
)

select
    hour,
    meter,
    outcome,
    cause,
    quantity
from kept
where hour not in (select hours_not_kept.hour from hours_not_kept)

union all

select
    hours_not_kept.hour,
    of_hour.meter,
    of_hour.outcome,
    of_hour.cause,
    of_hour.quantity
from hours_not_kept
cross join
    lateral (
        select hour_outcomes.*
        from fridge.hour_outcomes
        where hour_outcomes.hour = hours_not_kept.hour
        limit all offset 0 -- noqa: AM09
    ) as of_hour
