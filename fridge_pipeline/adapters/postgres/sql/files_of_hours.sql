-- Files that stored readings in a range of landing hours. A withdrawn file is no usage.
select
    file_id,
    landing_hour as hour,
    inserted_count
from fridge.landing_files
where
    landing_hour between %(first)s and %(last)s
    and inserted_count > 0
    and not exists (
        select 1 from fridge.withdrawals
        where withdrawals.file_id = landing_files.file_id
    );
