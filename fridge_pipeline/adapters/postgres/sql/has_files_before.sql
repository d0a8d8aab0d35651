select
    exists(
        select 1 from fridge.landing_files
        where landing_hour < %(start)s
    ) as has_files;
