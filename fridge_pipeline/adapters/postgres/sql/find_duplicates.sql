select
    {columns},
    count(*) as copies
from fridge.{model}
group by {columns}
having count(*) > 1
