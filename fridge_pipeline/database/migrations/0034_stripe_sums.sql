-- From now on Stripe's sums are kept as they are read. Nothing is made up for earlier hours: until they are read again,
-- they are not read by the hour.

create table fridge.stripe_day_reads (
    day_read_id bigint generated always as identity primary key,
    day date not null,
    tenant_id text not null,
    event_name text not null,
    stripe_customer_id text not null,
    read_by text not null,
    quantity numeric not null,
    read_at timestamptz not null,
    run_id text not null,
    constraint stripe_day_reads_read_by check (read_by in ('hour', 'day'))
);

create index stripe_day_reads_newest on fridge.stripe_day_reads (
    tenant_id, event_name, stripe_customer_id, day, read_at, day_read_id
);

create trigger stripe_day_reads_append_only before update or delete on fridge.stripe_day_reads
for each row execute function fridge.refuse_change();
create trigger stripe_day_reads_no_truncate before truncate on fridge.stripe_day_reads
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.stripe_day_reads from current_user;

comment on table fridge.stripe_day_reads is
'One row per day, tenant, meter and customer for each time that Stripe was read for it; append only.';
comment on column fridge.stripe_day_reads.day is 'UTC day.';
comment on column fridge.stripe_day_reads.event_name is 'The meter.';
comment on column fridge.stripe_day_reads.read_by is
'hour: Stripe gave a sum for each hour of the day, see stripe_sums; day: one sum for the whole of it.';
comment on column fridge.stripe_day_reads.quantity is
'What Stripe answered, 0 for nothing. Of a customer of several tenants each hour is counted for one of them.';
comment on column fridge.stripe_day_reads.read_at is 'When Stripe was asked.';
comment on column fridge.stripe_day_reads.run_id is 'The run that asked.';

create table fridge.stripe_sums (
    sum_id bigint generated always as identity primary key,
    hour timestamptz not null,
    tenant_id text not null,
    event_name text not null,
    stripe_customer_id text not null,
    quantity numeric not null,
    read_at timestamptz not null,
    run_id text not null
);

create index stripe_sums_newest on fridge.stripe_sums (
    hour, tenant_id, event_name, stripe_customer_id, read_at, sum_id
);

create trigger stripe_sums_append_only before update or delete on fridge.stripe_sums
for each row execute function fridge.refuse_change();
create trigger stripe_sums_no_truncate before truncate on fridge.stripe_sums
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.stripe_sums from current_user;

comment on table fridge.stripe_sums is
'One row per hour, tenant, meter and customer for each sum that Stripe gave and had not given before; append only.';
comment on column fridge.stripe_sums.event_name is 'The meter.';
comment on column fridge.stripe_sums.quantity is
'What Stripe answered. An hour that was read and has no row is one of which Stripe showed nothing.';
comment on column fridge.stripe_sums.read_at is
'When Stripe first gave this sum; stripe_day_reads says when the hour''s day was read again.';
comment on column fridge.stripe_sums.run_id is 'The run that asked.';

create view fridge.newest_stripe_sums as
select distinct on (hour, tenant_id, event_name, stripe_customer_id)
    hour,
    tenant_id,
    event_name,
    stripe_customer_id,
    quantity,
    read_at
from fridge.stripe_sums
order by hour asc, tenant_id asc, event_name asc, stripe_customer_id asc, read_at desc, sum_id desc;

comment on view fridge.newest_stripe_sums is
'One row per hour, tenant, meter and customer with a sum of Stripe: the one that was read last.';

create view fridge.newest_hourly_reads as
select distinct on (tenant_id, event_name, stripe_customer_id, day)
    tenant_id,
    event_name,
    stripe_customer_id,
    day,
    quantity,
    read_at
from fridge.stripe_day_reads
where read_by = 'hour'
order by tenant_id asc, event_name asc, stripe_customer_id asc, day asc, read_at desc, day_read_id desc;

comment on view fridge.newest_hourly_reads is
'One row per day, tenant, meter and customer that was ever read by the hour: the last time, and its sum then.';

insert into fridge.pipeline_rights (relation) values ('stripe_day_reads'), ('stripe_sums');
