-- The hours of a range of which a landing file was loaded.
select distinct landing_hour
from fridge.landing_files
where landing_hour between %(first)s and %(last)s
order by landing_hour;
