-- Usage per tenant and hour: a function of stored readings, and counted anew whenever that is asked for.

create table fridge.inserted_counts (
    tenant_id text not null,
    hour timestamptz not null,
    inserted_count bigint not null,
    computed_at timestamptz not null,
    primary key (tenant_id, hour),
    constraint inserted_counts_not_negative check (inserted_count >= 0)
);

create index inserted_counts_hour on fridge.inserted_counts (hour);

comment on table fridge.inserted_counts is 'One row per tenant-hour with usage: readings stored for the first time.';

insert into fridge.pipeline_rights (relation, updates, deletes)
values ('inserted_counts', '{inserted_count, computed_at}', true);

create table fridge.active_sensors (
    tenant_id text not null,
    hour timestamptz not null,
    active_sensors bigint not null,
    computed_at timestamptz not null,
    primary key (tenant_id, hour),
    constraint active_sensors_not_negative check (active_sensors >= 0)
);

create index active_sensors_hour on fridge.active_sensors (hour);

comment on table fridge.active_sensors is
'One row per tenant-hour with usage: distinct sensors with an inserted reading.';

insert into fridge.pipeline_rights (relation, updates, deletes)
values ('active_sensors', '{active_sensors, computed_at}', true);

-- From which files an hour's usage was counted. Comparing files, not times: a file that was loaded while the hour was
-- being counted is noticed whatever the clocks of the two processes said.
create table fridge.counted_hours (
    landing_hour timestamptz not null,
    usage_table text not null,
    files_hash text not null,
    counted_at timestamptz not null,
    primary key (landing_hour, usage_table),
    constraint counted_hours_usage_table check (usage_table in ('inserted_counts', 'active_sensors'))
);

comment on table fridge.counted_hours is 'One row per landing hour and usage table: from which files it was counted.';
comment on column fridge.counted_hours.files_hash is
'MD5 of the ids of the files with readings that were not withdrawn, in order, with commas between.';

insert into fridge.pipeline_rights (relation, updates, deletes)
values ('counted_hours', '{files_hash, counted_at}', true);

-- Both usage tables as one, by the measure that a meter names: what every comparison of usage with statements reads.
create view fridge.measured_usage as
select
    tenant_id,
    hour,
    'inserted_count' as measure,
    inserted_count as value
from fridge.inserted_counts

union all

select
    tenant_id,
    hour,
    'active_sensors' as measure,
    active_sensors as value
from fridge.active_sensors;

comment on view fridge.measured_usage is 'One row per tenant-hour and measure with usage: both usage tables as one.';
