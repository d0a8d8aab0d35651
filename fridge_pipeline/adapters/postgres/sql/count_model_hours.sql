select
    hour,
    count(*) as rows_of_hour
from fridge.{name}
where hour between %(first)s and %(last)s
group by hour;
