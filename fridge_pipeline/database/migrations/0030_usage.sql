-- Contracts: usage is one table now, and code of version 0.1 counts into two. It goes on loading, billing and comparing
-- meanwhile, and what it leaves uncounted the sweep of the new code counts. All rows are copied in this one
-- transaction: have as much room as both tables take, and some minutes for every hundred million rows.

-- A count that is under way ends first, and writes what is moved then.
select pg_advisory_xact_lock(hashtextextended('fridge.usage', 0));

create table fridge.measures (
    measure text primary key,
    usage_table text not null,
    counts text not null,
    constraint measures_usage_table unique (usage_table)
);

insert into fridge.measures (measure, usage_table, counts) values
('inserted_count', 'inserted_counts', 'readings stored for the first time'),
('active_sensors', 'active_sensors', 'distinct sensors with a reading stored for the first time');

comment on table fridge.measures is 'One row per measure: what is counted of the readings inserted in an hour.';
comment on column fridge.measures.measure is 'Its name in usage.measure and in the catalogue of meters.';
comment on column fridge.measures.usage_table is 'The asset that counts it; counted_hours calls it that too.';
comment on column fridge.measures.counts is 'In words.';

create table fridge.usage (
    tenant_id text not null,
    hour timestamptz not null,
    measure text not null,
    quantity bigint not null,
    computed_at timestamptz not null,
    constraint usage_not_negative check (quantity >= 0)
);

insert into fridge.usage (tenant_id, hour, measure, quantity, computed_at)
select
    tenant_id,
    hour,
    'inserted_count' as measure,
    inserted_count as quantity,
    computed_at
from fridge.inserted_counts
union all
select
    tenant_id,
    hour,
    'active_sensors' as measure,
    active_sensors as quantity,
    computed_at
from fridge.active_sensors;

alter table fridge.usage add primary key (tenant_id, measure, hour);
alter table fridge.usage add constraint usage_measure foreign key (measure) references fridge.measures (measure);
create index usage_hour on fridge.usage (hour);

-- Only now: what is moved has not changed, and marks no hour.
create trigger usage_mark_insert after insert on fridge.usage
referencing new table as new_rows for each statement execute function fridge.mark_hours();
create trigger usage_mark_update after update on fridge.usage
referencing old table as old_rows new table as new_rows for each statement execute function fridge.mark_hours();
create trigger usage_mark_delete after delete on fridge.usage
referencing old table as old_rows for each statement execute function fridge.mark_hours();
create trigger usage_mark_truncate after truncate on fridge.usage
for each statement execute function fridge.mark_all_hours();

comment on table fridge.usage is 'One row per tenant, hour and measure with usage.';
comment on column fridge.usage.hour is 'Start of the UTC hour in which the readings were received.';
comment on column fridge.usage.measure is 'What was counted; see measures.';
comment on column fridge.usage.computed_at is 'When it was last counted.';

insert into fridge.pipeline_rights (relation, updates, deletes) values ('usage', '{quantity, computed_at}', true);

-- The SQL models of version 0.1 stand on this view until they are made anew; a later migration drops it.
create or replace view fridge.measured_usage as
select
    tenant_id,
    hour,
    measure,
    quantity as value
from fridge.usage;

comment on view fridge.measured_usage is 'usage, as version 0.1 names it.';

create or replace view fridge.released_usage as
select
    releases.tenant_id,
    releases.hour,
    releases.event_name,
    usage.measure
from fridge.releases
inner join fridge.usage
    on
        releases.tenant_id = usage.tenant_id
        and releases.hour = usage.hour
        and releases.value >= usage.quantity;

drop table fridge.inserted_counts;
drop table fridge.active_sensors;
delete from fridge.pipeline_rights
where relation in ('inserted_counts', 'active_sensors');

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

-- What measures there are is said once.
alter table fridge.counted_hours drop constraint counted_hours_usage_table;
alter table fridge.counted_hours add constraint counted_hours_usage_table
foreign key (usage_table) references fridge.measures (usage_table);
alter table fridge.meters drop constraint meters_measure;
alter table fridge.meters add constraint meters_measure
foreign key (measure) references fridge.measures (measure);
comment on column fridge.meters.measure is 'What is billed; see measures.';
