-- Facts that several statements derive, by their names.

create view fridge.open_exceptions as
select *
from fridge.exceptions
where closed_at is null;

comment on view fridge.open_exceptions is 'One row per exception that is not closed.';

create view fridge.usable_files as
select
    file_id,
    landing_hour as hour,
    inserted_count
from fridge.landing_files
where
    inserted_count > 0
    and not exists (
        select 1 from fridge.withdrawals
        where withdrawals.file_id = landing_files.file_id
    );

comment on view fridge.usable_files is
'One row per landing file that counts for its hour: it stored readings, and was not withdrawn.';

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

-- What is made, and Stripe has yet to decide. Written out in the indexes of what is open, which serve it.
create function fridge.is_under_way(status text) returns boolean
language sql immutable as $$
    select status in ('staged', 'sent', 'unknown');
$$;

create or replace view fridge.statements_under_way as
select
    identifier,
    hour,
    status,
    event_name,
    tenant_id,
    identifier as meter_event,
    false as is_cancellation
from fridge.meter_events
where fridge.is_under_way(status)

union all

select
    'cancel:' || meter_events.identifier as identifier,
    meter_events.hour,
    meter_event_adjustments.status,
    meter_events.event_name,
    meter_events.tenant_id,
    meter_events.identifier as meter_event,
    true as is_cancellation
from fridge.meter_event_adjustments
inner join fridge.meter_events on meter_event_adjustments.identifier = meter_events.identifier
where fridge.is_under_way(meter_event_adjustments.status);

comment on column fridge.statements_under_way.meter_event is 'That of the meter event, in both cases.';

create view fridge.stated_usage as
select
    event_name,
    tenant_id,
    hour,
    sum(value)::bigint as value,
    (array_agg(stripe_customer_id order by revision desc))[1] as stripe_customer_id
from fridge.meter_events
where status = 'accepted'
group by hour, tenant_id, event_name;

comment on view fridge.stated_usage is
'One row per meter, tenant and hour of which Stripe has accepted something: what that comes to.';
comment on column fridge.stated_usage.value is
'Of totals only one is accepted at a time, so the sum serves them and what is added up alike.';
comment on column fridge.stated_usage.stripe_customer_id is 'Whom the newest of it was stated to.';
