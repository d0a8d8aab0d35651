-- name: grant_metrics
-- In Dagster's own database: what the metrics read of it. A login that does not own the tables leaves that to theirs.
do $$
declare
    shown text;
begin
    foreach shown in array array['daemon_heartbeats', 'instigators', 'job_ticks', 'runs'] loop
        if to_regrole('fridge_metrics') is not null and not has_table_privilege('fridge_metrics', shown, 'select') then
            execute format('grant select on %I to fridge_metrics', shown);
        end if;
    end loop;
exception
    when insufficient_privilege or undefined_table then null;
end;
$$;

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
