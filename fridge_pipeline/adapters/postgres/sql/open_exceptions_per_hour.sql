select
    hour,
    kind,
    count(*) as exceptions
from fridge.exceptions
where hour between %(first)s and %(last)s and closed_at is null
group by hour, kind
order by hour, kind;
