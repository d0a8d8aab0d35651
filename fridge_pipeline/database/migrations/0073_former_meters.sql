-- Which meter bills a measure is kept with every change, so that a name that is gone keeps its hours.
create table fridge.meter_turns (
    turn_id bigint generated always as identity primary key,
    measure text not null,
    event_name text,
    bill_from timestamptz not null,
    entered_at timestamptz not null
);

create trigger meter_turns_append_only before update or delete on fridge.meter_turns
for each row execute function fridge.refuse_change();
create trigger meter_turns_no_truncate before truncate on fridge.meter_turns
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.meter_turns from current_user;

comment on table fridge.meter_turns is
'One row per change of the meter that bills a measure: from which hour on another one does. Append only.';
comment on column fridge.meter_turns.event_name is 'The meter; empty where the catalogue has none any more.';
comment on column fridge.meter_turns.bill_from is
'-infinity of the first meters. Of a later one the first hour that Stripe took and no closed month had.';
comment on column fridge.meter_turns.entered_at is 'When it was first found in the catalogue.';

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
                order by turn_id
                rows between 1 following and unbounded following
            ), 'infinity'
        ) as bill_until,
        last_value(measure) over (
            partition by event_name
            order by turn_id
            rows between unbounded preceding and unbounded following
        ) as newest_measure
    from fridge.meter_turns
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

insert into fridge.pipeline_rights (relation) values ('meter_turns');
insert into fridge.metrics_reads (relation) values ('billed_hours');

-- Of two names of a measure that were both there before starts were kept, the one that bills it now came later: with
-- the first hour that it was stated for.
insert into fridge.meter_turns (measure, event_name, bill_from, entered_at)
with places as (
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
),

known as (
    select distinct on (event_name)
        event_name,
        measure
    from places
    order by event_name, place
)

select
    known.measure,
    meter_starts.event_name,
    case
        when
            meter_starts.bill_from = '-infinity'
            and meter_starts.event_name in (select meters.event_name from fridge.meters)
            and exists (
                select 1 from fridge.sent_meters
                where
                    sent_meters.measure = known.measure
                    and sent_meters.event_name <> meter_starts.event_name
            )
            then coalesce(
                (
                    select min(meter_events.hour) from fridge.meter_events
                    where meter_events.event_name = meter_starts.event_name
                ), '-infinity'
            )
        else meter_starts.bill_from
    end as bill_from,
    meter_starts.entered_at
from fridge.meter_starts
inner join known on meter_starts.event_name = known.event_name
order by
    meter_starts.event_name in (select meters.event_name from fridge.meters),
    meter_starts.entered_at,
    meter_starts.event_name;

call fridge.note_changes_of(
    'meter_turns', '{insert}',
    'select hour from fridge.known_hours() as known (hour) where exists (select 1 from %1$s)'
);
