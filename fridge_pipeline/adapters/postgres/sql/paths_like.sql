-- Paths that somebody may have meant: those of the same landing hour, and those of the same name elsewhere.
select distinct path
from fridge.landing_files
where
    landing_hour = %(hour)s::timestamptz
    or right(path, char_length(%(name)s::text) + 1) = '/' || %(name)s::text
order by path
limit 1000;
