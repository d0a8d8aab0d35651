select
    {column},
    count(*) as copies
from fridge.{model}
where {column} not in ({accepted_values})
group by {column}
