select
    kind,
    count(*) as exceptions
from fridge.exceptions
where closed_at is null
group by kind
order by exceptions desc, kind asc;
