-- What could not be used of the landing files of some hours, and why: damaged files, whose exception says it, and
-- rejected rows by reason.
with rejected as (
    select
        landing_files.landing_hour as hour,
        landing_files.path,
        sum(rejected_rows.row_count)::bigint as rejected_rows,
        rejected_rows.reason
    from fridge.landing_files
    inner join fridge.rejected_rows
        on landing_files.path = rejected_rows.path and landing_files.file_id = rejected_rows.file_id
    where landing_files.landing_hour between %(first)s and %(last)s and landing_files.rejected_count > 0
    group by landing_files.landing_hour, landing_files.path, rejected_rows.reason
),

damaged as (
    select
        hour,
        subject as path,
        null::bigint as rejected_rows,
        detail as reason
    from fridge.exceptions
    where kind = 'unreadable_file' and hour between %(first)s and %(last)s and closed_at is null
)

select * from damaged
union all
select * from rejected
order by rejected_rows desc nulls first, hour asc, path asc
limit %(most)s;
