select
    identifier,
    status,
    count(*) over () as statements
from fridge.statements_under_way
where hour >= %(month_start)s and hour < %(month_end)s
order by hour, identifier
limit %(shown)s;
