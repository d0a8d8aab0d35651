-- Hours of a range that hold anything: a landing file or a statement.
select landing_hour as hour
from fridge.landing_files
where landing_hour between %(first)s and %(last)s

union

select hour
from fridge.meter_events
where hour between %(first)s and %(last)s
order by hour;
