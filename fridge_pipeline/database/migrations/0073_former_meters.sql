-- Which meter bills a measure is kept with every change, so that a name that is gone keeps its hours.
alter table fridge.meter_starts disable trigger meter_starts_append_only;
grant update, delete on fridge.meter_starts to current_user;
alter table fridge.meter_starts drop constraint meter_starts_pkey;
alter table fridge.meter_starts alter column event_name drop not null;
alter table fridge.meter_starts add column start_id bigint;
alter table fridge.meter_starts add column measure text;

update fridge.meter_starts
set measure = known.measure
from (
    select distinct on (event_name)
        event_name,
        measure
    from (
        select
            event_name,
            measure,
            1 as place
        from fridge.meters
        union all
        select
            event_name,
            measure,
            2 as place
        from fridge.sent_meters
        union all
        select
            unnest(event_names) as event_name,
            unnest(measures) as measure,
            3 as place
        from fridge.swept_catalogue
    ) as places
    order by event_name, place
) as known
where meter_starts.event_name = known.event_name;

-- Nothing was ever sent of it, and nobody knows what it was to bill.
delete from fridge.meter_starts
where measure is null;

-- Of two names of a measure that were both there before starts were kept, the one that bills it now came later: with
-- the first hour that it was stated for.
update fridge.meter_starts
set bill_from = stated.first_hour
from (
    select
        event_name,
        min(hour) as first_hour
    from fridge.meter_events
    group by event_name
) as stated
where
    meter_starts.event_name = stated.event_name
    and meter_starts.bill_from = '-infinity'
    and meter_starts.event_name in (select meters.event_name from fridge.meters)
    and exists (
        select 1 from fridge.meter_starts as others
        where others.measure = meter_starts.measure and others.event_name <> meter_starts.event_name
    );

update fridge.meter_starts
set start_id = numbered.start_id
from (
    select
        event_name,
        row_number() over (
            order by
                event_name in (select meters.event_name from fridge.meters),
                entered_at,
                event_name
        ) as start_id
    from fridge.meter_starts
) as numbered
where meter_starts.event_name = numbered.event_name;

alter table fridge.meter_starts alter column start_id set not null;
alter table fridge.meter_starts alter column start_id add generated always as identity;
alter table fridge.meter_starts add primary key (start_id);
select setval(
    pg_get_serial_sequence('fridge.meter_starts', 'start_id'),
    (select coalesce(max(start_id), 0) + 1 from fridge.meter_starts), false
);
alter table fridge.meter_starts alter column measure set not null;
revoke update, delete on fridge.meter_starts from current_user;
alter table fridge.meter_starts enable trigger meter_starts_append_only;

comment on table fridge.meter_starts is
'One row per change of the meter that bills a measure: from which hour on another one does. Append only.';
comment on column fridge.meter_starts.event_name is 'The meter; empty where the catalogue has none any more.';
comment on column fridge.meter_starts.bill_from is
'-infinity of the first meters. Of a later one the first hour that Stripe took and no closed month had.';
comment on column fridge.meter_starts.entered_at is 'When it was first found in the catalogue.';

-- The hours of a measure are parted among the meters that have ever billed it: the newest start has what comes after.
-- A meter that was sent nothing may have billed another measure before.
create view fridge.billed_hours as
with starts as (
    select
        event_name,
        measure,
        bill_from,
        coalesce(
            min(bill_from) over (
                partition by measure
                order by start_id
                rows between 1 following and unbounded following
            ), 'infinity'
        ) as bill_until,
        last_value(measure) over (
            partition by event_name
            order by start_id
            rows between unbounded preceding and unbounded following
        ) as newest_measure
    from fridge.meter_starts
),

lined_up as (
    select
        *,
        lag(event_name) over (partition by measure order by bill_from) as name_before
    from starts
    where bill_from < bill_until
),

numbered as (
    select
        *,
        count(*) filter (where event_name is distinct from name_before) over (
            partition by measure
            order by bill_from
        ) as turn
    from lined_up
)

select
    numbered.event_name,
    numbered.measure,
    min(numbered.bill_from) as begins_at,
    greatest(min(numbered.bill_from), min(billing_start.bill_from)) as bill_from,
    max(numbered.bill_until) as bill_until
from numbered
cross join fridge.billing_start
where numbered.event_name is not null and numbered.measure = numbered.newest_measure
group by numbered.event_name, numbered.measure, numbered.turn;

comment on view fridge.billed_hours is
'One row per stretch of hours that a meter bills, or has billed until another one took them over.';
comment on column fridge.billed_hours.begins_at is 'Its first hour, -infinity of the first meters.';
comment on column fridge.billed_hours.bill_from is 'Not before the billing start either.';
comment on column fridge.billed_hours.bill_until is
'The first hour that is another meter''s, or nobody''s; infinity while none is.';

insert into fridge.metrics_reads (relation) values ('billed_hours');
delete from fridge.metrics_reads
where relation = 'meter_starts';
