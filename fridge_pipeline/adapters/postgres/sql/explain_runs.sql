with named as (
    select run_id
    from fridge.landing_files
    where landing_hour = %(hour)s

    union

    select run_id
    from fridge.meter_events
    where tenant_id = %(tenant_id)s and hour = %(hour)s
)

select
    runs.run_id,
    runs.program_version,
    runs.source_sha256,
    runs.started_at
from named
inner join fridge.runs on named.run_id = runs.run_id
order by runs.started_at, runs.run_id;
