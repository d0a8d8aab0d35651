select
    {key_columns},
    count(*) as copies
from fridge.{model}
group by {key_columns}
having count(*) > 1
