-- name: remove_usage
-- Usage is a function of stored rows: a tenant-hour that no longer has any has no usage.
delete from fridge.usage
where
    hour between %(first)s and %(last)s
    and measure = any(%(measures)s)
    and not exists (
        select 1 from new_usage
        where
            new_usage.tenant_id = usage.tenant_id
            and new_usage.measure = usage.measure
            and new_usage.hour = usage.hour
    );

-- name: write_usage
-- computed_at moves even when the number does not: it says when the hour was counted last.
insert into fridge.usage (tenant_id, hour, measure, quantity, computed_at)
select
    tenant_id,
    hour,
    measure,
    quantity,
    %(now)s
from new_usage
on conflict (tenant_id, measure, hour) do update
    set quantity = excluded.quantity, computed_at = excluded.computed_at;

-- name: files_of_hours
select
    file_id,
    hour,
    inserted_count
from fridge.usable_files
where hour between %(first)s and %(last)s;

-- name: stored_readings_of_files
-- Without a time range on purpose: a late reading makes it wide, and the planner would then read the whole primary key.
-- File ids are found by block ranges, which cost what the files hold.
select {columns}
from fridge.stored_readings
where file_id between {first} and {last};

-- name: dropped_counts_of_files
-- What was counted of these files and is no longer stored: how many readings, and what they were measured as.
select
    file_id,
    sensor_key,
    null::text as measure,
    readings as quantity
from fridge.dropped_reading_counts
where file_id between {first} and {last}
union all
select
    file_id,
    sensor_key,
    measure,
    quantity
from fridge.dropped_measures
where file_id between {first} and {last};

-- name: usage_of_hours
select
    hour,
    tenant_id,
    measure,
    quantity
from fridge.usage
where hour between %(first)s and %(last)s
order by hour, tenant_id, measure;

-- name: stated_of_hours
-- What the accepted statements of a range of hours come to, with what people have settled otherwise.
select
    stated_usage.hour,
    stated_usage.tenant_id,
    stated_usage.event_name,
    stated_usage.value
    + fridge.settled_quantity(
        usage.quantity, stated_usage.value, settled.invoiced + settled.credited, settled.written_off
    ) as stated
from fridge.stated_usage
left join fridge.meters on stated_usage.event_name = meters.event_name
left join fridge.usage
    on
        stated_usage.hour = usage.hour
        and stated_usage.tenant_id = usage.tenant_id
        and meters.measure = usage.measure
left join fridge.settled_usage as settled
    on
        stated_usage.hour = settled.hour
        and stated_usage.tenant_id = settled.tenant_id
        and stated_usage.event_name = settled.event_name
where
    stated_usage.hour between %(first)s and %(last)s
    -- What is cancelled altogether was never stated.
    and exists (
        select 1 from fridge.meter_events
        where
            meter_events.event_name = stated_usage.event_name
            and meter_events.tenant_id = stated_usage.tenant_id
            and meter_events.hour = stated_usage.hour
            and meter_events.status = 'accepted'
    )
order by stated_usage.hour, stated_usage.tenant_id, stated_usage.event_name;

-- name: tenants_of_sensors
select
    sensor_key,
    tenant_id,
    sensor_id
from fridge.sensors
where sensor_key = any({sensor_keys}::integer[]);

-- name: lock_usage
-- Two counts of the same hours write one after the other, instead of waiting for each other's rows crosswise.
select pg_advisory_xact_lock(hashtextextended('fridge.usage', 0));

-- name: stage_usage
create temporary table new_usage (
    hour timestamptz,
    tenant_id text,
    measure text,
    quantity bigint
) on commit drop;

-- name: copy_usage
copy new_usage (hour, tenant_id, measure, quantity) from stdin with (format csv);

-- name: forget_counted_hours
delete from fridge.counted_hours
where usage_table = any(%(usage_tables)s) and landing_hour between %(first)s and %(last)s;

-- name: record_counted_hours
insert into fridge.counted_hours (landing_hour, usage_table, files_hash, counted_at)
select
    counted.landing_hour,
    usage_tables.usage_table,
    counted.files_hash,
    %(now)s
from unnest(%(hours)s::timestamptz[], %(files_hashes)s::text[]) as counted (landing_hour, files_hash)
cross join unnest(%(usage_tables)s::text[]) as usage_tables (usage_table)
on conflict (landing_hour, usage_table) do update
    set files_hash = excluded.files_hash, counted_at = excluded.counted_at;
