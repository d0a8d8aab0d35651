-- materialized: view
-- No CTE has the outcomes in it: of all that is in one PostgreSQL makes a copy before it plans.
select
    usage_month,
    meter,
    outcome,
    cause,
    quantity,
    round(
        100 * quantity / nullif(sum(quantity) over (partition by usage_month, meter), 0), 1
    ) as percent
from (
    select
        date_trunc('month', hour at time zone 'UTC')::date as usage_month,
        meter,
        outcome,
        cause,
        sum(quantity) as quantity
    from fridge.outcomes_of_hours
    group by usage_month, meter, outcome, cause
) as summed
