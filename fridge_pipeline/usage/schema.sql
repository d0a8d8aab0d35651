-- Usage per tenant and hour: a function of stored readings, and counted anew whenever that is asked for.

create table fridge.usage (
    tenant_id text not null,
    hour timestamptz not null,
    measure text not null,
    quantity bigint not null,
    computed_at timestamptz not null,
    -- In this order, because what a tenant is used to is read measure by measure.
    primary key (tenant_id, measure, hour),
    constraint usage_measure foreign key (measure) references fridge.measures (measure),
    constraint usage_not_negative check (quantity >= 0)
);

create index usage_hour on fridge.usage (hour);

comment on table fridge.usage is 'One row per tenant, hour and measure with usage.';
comment on column fridge.usage.hour is 'Start of the UTC hour in which the readings were received.';
comment on column fridge.usage.measure is 'What was counted; see measures.';
comment on column fridge.usage.computed_at is 'When it was last counted.';

insert into fridge.pipeline_rights (relation, updates, deletes) values ('usage', '{quantity, computed_at}', true);

-- The same under the names that finance and scripts know.
create view fridge.inserted_counts as
select
    tenant_id,
    hour,
    quantity as inserted_count,
    computed_at
from fridge.usage
where measure = 'inserted_count';

create view fridge.active_sensors as
select
    tenant_id,
    hour,
    quantity as active_sensors,
    computed_at
from fridge.usage
where measure = 'active_sensors';

comment on view fridge.inserted_counts is 'One row per tenant-hour with usage: readings stored for the first time.';
comment on view fridge.active_sensors is
'One row per tenant-hour with usage: distinct sensors with an inserted reading.';

-- From which files an hour's usage was counted. Comparing files, not times: a file that was loaded while the hour was
-- being counted is noticed whatever the clocks of the two processes said.
create table fridge.counted_hours (
    landing_hour timestamptz not null,
    usage_table text not null,
    files_hash text not null,
    counted_at timestamptz not null,
    primary key (landing_hour, usage_table),
    constraint counted_hours_usage_table foreign key (usage_table) references fridge.measures (usage_table)
);

comment on table fridge.counted_hours is 'One row per landing hour and usage table: from which files it was counted.';
comment on column fridge.counted_hours.files_hash is
'MD5 of the ids of the files with readings that were not withdrawn, in order, with commas between.';

insert into fridge.pipeline_rights (relation, updates, deletes)
values ('counted_hours', '{files_hash, counted_at}', true);

-- Asked for some hours it reads these only: both halves have the hour to themselves.
create view fridge.hours_to_count as
select
    usable.hour,
    measures.usage_table
from (
    select
        hour,
        md5(string_agg(file_id::text, ',' order by file_id)) as files_hash
    from fridge.usable_files
    group by hour
) as usable
cross join fridge.measures
where
    not exists (
        select 1 from fridge.counted_hours
        where
            counted_hours.landing_hour = usable.hour
            and counted_hours.usage_table = measures.usage_table
            and counted_hours.files_hash = usable.files_hash
    )

union all

select
    counted_hours.landing_hour as hour,
    counted_hours.usage_table
from fridge.counted_hours
where
    not exists (
        select 1 from fridge.usable_files
        where usable_files.hour = counted_hours.landing_hour
    );

comment on view fridge.hours_to_count is
'One row per hour and usage table that was counted from other files than there are now, or not at all.';

-- Code and SQL models of version 0.1 read this view; a later migration drops it.
create view fridge.measured_usage as
select
    tenant_id,
    hour,
    measure,
    quantity as value
from fridge.usage;

comment on view fridge.measured_usage is 'usage, as version 0.1 names it.';
