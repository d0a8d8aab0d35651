-- name: runs_under_way
-- By Dagster's own tables, in its own database: its library takes two seconds to import and 60 MiB.
select
    runs.run_id,
    process.value as process,
    runs.run_body::json ->> 'parent_run_id' is not null as is_repetition
from runs
left join run_tags as process on runs.run_id = process.run_id and process.key = %(process)s
where runs.status in ('STARTING', 'STARTED', 'CANCELING')
order by runs.id;
