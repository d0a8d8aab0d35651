-- Files that stored readings in a range of landing hours, with the time range of what they stored.
select
    file_id,
    landing_hour as hour,
    first_recorded_at,
    last_recorded_at
from fridge.landing_files
where landing_hour between $1 and $2 and inserted_count > 0;
