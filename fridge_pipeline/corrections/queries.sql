-- name: wait_for_load
-- The lock that every load of this landing file holds: a content that is being loaded now is then loaded.
select pg_advisory_xact_lock(hashtextextended(%(path)s, 0));

-- name: loaded_contents
-- Every content that was loaded under a path, and whether it is withdrawn.
with contents as (
    select
        file_id,
        landing_hour,
        inserted_count,
        duplicate_count,
        rejected_count
    from fridge.landing_files
    where path = %(path)s
)

select
    contents.file_id,
    contents.landing_hour,
    contents.inserted_count,
    contents.duplicate_count,
    contents.rejected_count,
    withdrawals.withdrawn_at,
    fridge.told_as(withdrawals.acted_by, withdrawals.withdrawn_by) as withdrawn_by,
    withdrawals.reason
from contents
left join fridge.withdrawals on contents.file_id = withdrawals.file_id
order by contents.file_id;

-- name: withdraw_files
-- The sweep finds the hour: it was counted from files that no longer are all usage.
insert into fridge.withdrawals (file_id, reason, withdrawn_by, withdrawn_at)
select
    withdrawn.file_id,
    %(reason)s,
    %(withdrawn_by)s,
    %(now)s
from unnest(%(file_ids)s::integer[]) as withdrawn (file_id);

-- name: readings_of_files
-- What some landing files stored, per tenant; the time range lets PostgreSQL skip partitions.
with span as (
    select
        min(first_recorded_at) as first_at,
        max(last_recorded_at) as last_at
    from fridge.landing_files
    where file_id = any(%(file_ids)s)
),

stored as (
    select
        sensor_key,
        count(*) as readings
    from fridge.stored_readings
    where
        file_id = any(%(file_ids)s)
        and recorded_at >= (select span.first_at from span)
        and recorded_at <= (select span.last_at from span)
    group by sensor_key

    union all

    select
        sensor_key,
        sum(readings) as readings
    from fridge.dropped_reading_counts
    where file_id = any(%(file_ids)s)
    group by sensor_key
)

select
    sensors.tenant_id,
    sum(stored.readings)::bigint as readings
from stored
inner join fridge.sensors on stored.sensor_key = sensors.sensor_key
group by sensors.tenant_id
order by sensors.tenant_id;

-- name: paths_like
-- Paths that somebody may have meant: those of the same landing hour, and those of the same name elsewhere.
select distinct path
from fridge.landing_files
where
    landing_hour = %(hour)s::timestamptz
    or right(path, char_length(%(name)s::text) + 1) = '/' || %(name)s::text
order by path
limit 1000;
