-- What the landing files of each hour came to, whichever run loaded them; hours without any are not in it.
select
    landing_hour,
    count(*) as files,
    sum(row_count)::bigint as row_count,
    sum(inserted_count)::bigint as inserted,
    sum(duplicate_count)::bigint as duplicates,
    sum(rejected_count)::bigint as rejected,
    count(*) filter (where status <> 'loaded') as unreadable
from fridge.landing_files
where landing_hour between %(first)s and %(last)s
group by landing_hour;
