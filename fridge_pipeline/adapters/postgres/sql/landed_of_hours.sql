-- What the landing files of each hour came to, whichever run loaded them; hours without any are not in it. Rows are
-- those of every content that was loaded; a file that was replaced is one file, as good as its newest content.
with contents as (
    select
        *,
        row_number() over (partition by path order by file_id desc) = 1 as is_newest
    from fridge.landing_files
    where landing_hour between %(first)s and %(last)s
)

select
    landing_hour,
    count(*) filter (where is_newest) as files,
    sum(row_count)::bigint as row_count,
    sum(inserted_count)::bigint as inserted,
    sum(duplicate_count)::bigint as duplicates,
    sum(rejected_count)::bigint as rejected,
    count(*) filter (where is_newest and status <> 'loaded') as unreadable
from contents
group by landing_hour;
