-- materialized: view
-- Hours that nothing has changed since are read from what is kept of them, the others from the books: one by one, as
-- offset 0 has it, where a join would read all to find them.
with hours_not_kept as (
    select * from fridge.hours_not_kept
)

select
    kept.hour,
    kept.tenant_id,
    kept.meter,
    kept.cause,
    kept.quantity
from fridge.kept_owed_hours as kept
where kept.hour not in (select hours_not_kept.hour from hours_not_kept)

union all

select
    hours_not_kept.hour,
    of_hour.tenant_id,
    of_hour.meter,
    of_hour.cause,
    of_hour.quantity
from hours_not_kept
cross join
    lateral (
        select owed_hours.*
        from fridge.owed_hours
        where hours_not_kept.hour = owed_hours.hour
        limit all offset 0 -- noqa: AM09
    ) as of_hour
