-- Usage, ledger and Stripe side by side. Like usage a function of what is stored elsewhere (and in Stripe), so a day
-- is replaced when it is reconciled again.
create table fridge.stripe_reconciliation (
    day date not null,
    hour timestamptz,
    tenant_id text not null,
    event_name text not null,
    stripe_customer_id text,
    usage_value bigint,
    ledger_value bigint,
    stripe_value numeric,
    difference numeric,
    cause text,
    detail text,
    read_at timestamptz,
    run_id text not null,
    constraint stripe_reconciliation_cause foreign key (cause) references fridge.causes (cause),
    constraint stripe_reconciliation_hour_of_day check ((hour at time zone 'UTC')::date = day),
    constraint stripe_reconciliation_read_has_time check (stripe_value is null or read_at is not null)
);

-- The hour before the customer: a tenant's day, which has no hour, is found at once, whoever its customers were.
create unique index stripe_reconciliation_row on fridge.stripe_reconciliation (
    day, tenant_id, event_name, hour, stripe_customer_id
) nulls not distinct;

create index stripe_reconciliation_account on fridge.stripe_reconciliation (
    tenant_id, event_name, stripe_customer_id, read_at
);

-- Few days have hours that differ: whoever asks for an hour's finds them without the days.
create index stripe_reconciliation_hour on fridge.stripe_reconciliation (hour) where hour is not null;

comment on table fridge.stripe_reconciliation is
'One row per day, tenant, meter and customer: usage, ledger and Stripe side by side; and one per hour that differs.';
comment on column fridge.stripe_reconciliation.day is 'UTC day.';
comment on column fridge.stripe_reconciliation.hour is
'Empty in the row of the day; set in rows of its differing hours.';
comment on column fridge.stripe_reconciliation.event_name is 'The meter.';
comment on column fridge.stripe_reconciliation.stripe_customer_id is 'Empty while the tenant has no customer.';
comment on column fridge.stripe_reconciliation.usage_value is
'Usage that this customer is to pay; empty when there is none. A day is the sum of its hours.';
comment on column fridge.stripe_reconciliation.ledger_value is
'What the accepted statements come to; empty when there is none.';
comment on column fridge.stripe_reconciliation.stripe_value is
'What Stripe''s summaries show, 0 when they show nothing; empty when they were not read.';
comment on column fridge.stripe_reconciliation.difference is
'Stripe less usage: above 0 Stripe counts too much, below 0 too little; empty when Stripe was not read.';
comment on column fridge.stripe_reconciliation.cause is
'Why they differ, of a day that of its worst hour; empty when all three agree or Stripe was not read.';
comment on column fridge.stripe_reconciliation.detail is 'The cause, or why Stripe was not read, in words.';
comment on column fridge.stripe_reconciliation.read_at is 'When Stripe was read.';
comment on column fridge.stripe_reconciliation.run_id is 'The Dagster run that wrote it.';

insert into fridge.pipeline_rights (relation, updates, deletes)
values ('stripe_reconciliation', '{usage_value, ledger_value, detail, run_id}', true);

-- What Stripe answered when it was asked, and when; nothing in these two tables is made from our own books.
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

-- Of customers without usage, one sum of Stripe's over a range of days: who else states usage for them shows in it.
create table fridge.stripe_range_reads (
    range_read_id bigint generated always as identity primary key,
    tenant_id text not null,
    event_name text not null,
    stripe_customer_id text not null,
    first_day date not null,
    last_day date not null,
    quantity numeric not null,
    read_at timestamptz not null,
    run_id text not null,
    constraint stripe_range_reads_in_order check (first_day <= last_day)
);

create index stripe_range_reads_newest on fridge.stripe_range_reads (
    event_name, stripe_customer_id, tenant_id, read_at
);

create trigger stripe_range_reads_append_only before update or delete on fridge.stripe_range_reads
for each row execute function fridge.refuse_change();
create trigger stripe_range_reads_no_truncate before truncate on fridge.stripe_range_reads
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.stripe_range_reads from current_user;

comment on table fridge.stripe_range_reads is
'One row per reading of a mapped customer and meter without usage: one sum over a range of days; append only.';
comment on column fridge.stripe_range_reads.event_name is 'The meter.';
comment on column fridge.stripe_range_reads.first_day is 'First UTC day.';
comment on column fridge.stripe_range_reads.last_day is 'Last UTC day, included.';
comment on column fridge.stripe_range_reads.quantity is
'What Stripe answered, 0 for nothing. Where it is more, days and hours of it were read: stripe_day_reads, stripe_sums.';
comment on column fridge.stripe_range_reads.read_at is 'When Stripe was asked.';
comment on column fridge.stripe_range_reads.run_id is 'The run that asked.';

insert into fridge.pipeline_rights (relation) values ('stripe_day_reads'), ('stripe_sums'), ('stripe_range_reads');

create view fridge.stripe_read_days as
select
    reads.event_name,
    reads.stripe_customer_id,
    reads.day,
    max(reads.read_at) as read_at,
    max(reads.read_at) filter (where reads.read_by = 'hour') as hours_read_at
from (
    select
        event_name,
        stripe_customer_id,
        day,
        read_by,
        read_at
    from fridge.stripe_day_reads
    union all
    select
        ranges.event_name,
        ranges.stripe_customer_id,
        ranges.first_day + steps.step as day,
        'range' as read_by,
        ranges.read_at
    from fridge.stripe_range_reads as ranges
    cross join lateral generate_series(0, ranges.last_day - ranges.first_day) as steps (step)
) as reads
group by reads.event_name, reads.stripe_customer_id, reads.day;

comment on view fridge.stripe_read_days is
'One row per day, meter and customer that Stripe was ever read for: by the hour, the day, or a range of days.';
comment on column fridge.stripe_read_days.read_at is 'When it was read last.';
comment on column fridge.stripe_read_days.hours_read_at is 'When it was read by the hour last; empty: never.';

-- Days of which Stripe was not read after they were over, nor after what was last decided about their statements: of
-- every customer that is mapped now, from the hour on from which usage is stated, and of all that was stated.
create function fridge.unread_days(first_day date, last_day date, event_names text[])
returns table (
    tenant_id text, event_name text, stripe_customer_id text, day date, is_stated boolean, hours_are_outdated boolean
)
language sql stable as $$
    with days as (
        select first_day + steps.step as day
        from generate_series(0, last_day - first_day) as steps (step)
    ),

    statements as (
        select
            meter_events.tenant_id,
            meter_events.event_name,
            meter_events.stripe_customer_id,
            (meter_events.hour at time zone 'UTC')::date as day,
            max(greatest(meter_events.settled_at, meter_event_adjustments.settled_at)) as changed_at
        from fridge.meter_events
        left join fridge.meter_event_adjustments
            on meter_events.identifier = meter_event_adjustments.identifier
        where meter_events.hour >= first_day::timestamp at time zone 'UTC'
            and meter_events.hour < (last_day + 1)::timestamp at time zone 'UTC'
            and meter_events.first_sent_at is not null
            and meter_events.event_name = any(event_names)
        group by 1, 2, 3, 4
    ),

    mapped as (
        select
            tenants.tenant_id,
            meters.event_name,
            tenants.stripe_customer_id,
            days.day
        from fridge.tenants
        cross join unnest(event_names) as meters (event_name)
        cross join days
        where tenants.stripe_customer_id is not null
            and days.day >= (select (billing_start.bill_from at time zone 'UTC')::date from fridge.billing_start)
    ),

    wanted as (
        select
            coalesce(mapped.tenant_id, statements.tenant_id) as tenant_id,
            coalesce(mapped.event_name, statements.event_name) as event_name,
            coalesce(mapped.stripe_customer_id, statements.stripe_customer_id) as stripe_customer_id,
            coalesce(mapped.day, statements.day) as day,
            statements.day is not null as is_stated,
            statements.changed_at
        from mapped
        full join statements
            on mapped.tenant_id = statements.tenant_id
            and mapped.event_name = statements.event_name
            and mapped.stripe_customer_id = statements.stripe_customer_id
            and mapped.day = statements.day
    )

    select
        wanted.tenant_id,
        wanted.event_name,
        wanted.stripe_customer_id,
        wanted.day,
        wanted.is_stated,
        coalesce(reads.hours_read_at < wanted.changed_at, false) as hours_are_outdated
    from wanted
    left join fridge.stripe_read_days as reads
        on wanted.event_name = reads.event_name
        and wanted.stripe_customer_id = reads.stripe_customer_id
        and wanted.day = reads.day
        and reads.day between first_day and last_day
    where reads.read_at is null
        or reads.read_at < greatest(wanted.changed_at, (wanted.day + 1)::timestamp at time zone 'UTC')
        or reads.hours_read_at < wanted.changed_at
$$;
