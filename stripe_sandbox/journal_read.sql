select
    kind,
    body
from journal
order by sequence;
