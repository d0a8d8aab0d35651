select
    {column},
    count(*) as copies
from fridge.{model} as model
where
    {column} is not null
    and not exists (
        select 1 from fridge.{parent} as parent
        where parent.{parent_column} = model.{column}
    )
group by {column}
