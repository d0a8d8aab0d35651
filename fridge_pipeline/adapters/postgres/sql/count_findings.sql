-- Any few of them serve as examples.
select
    count(*) over () as findings_in_all,
    findings.*
from ({select}) as findings
order by findings_in_all
limit 5;
