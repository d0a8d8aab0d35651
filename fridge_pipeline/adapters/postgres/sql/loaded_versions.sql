-- The newest loaded content of each file of a landing hour: unchanged files need not even be opened.
select distinct on (path)
    path,
    version_token
from fridge.landing_files
where landing_hour = %(hour)s
order by path asc, file_id desc;
