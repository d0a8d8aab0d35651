-- What is settled of an hour is the business of whoever bills it now, and what is owed has one definition.
-- Which measure a meter bills never changes once usage was sent to it.
create view fridge.known_meters as
select distinct on (event_name)
    event_name,
    measure
from fridge.meter_turns
where event_name is not null
order by event_name asc, turn_id desc;

comment on view fridge.known_meters is 'One row per meter that the catalogue ever had, with the measure that it bills.';

-- The stretches of some meters; one of which nothing was staged yet has all hours.
create function fridge.hours_of_meters(event_names text[])
returns table (event_name text, begins_at timestamptz, bill_from timestamptz, bill_until timestamptz)
language sql stable as $$
    select
        billed_hours.event_name,
        billed_hours.begins_at,
        billed_hours.bill_from,
        billed_hours.bill_until
    from fridge.billed_hours
    where billed_hours.event_name = any(event_names)

    union all

    select
        given.event_name,
        '-infinity'::timestamptz as begins_at,
        billing_start.bill_from,
        'infinity'::timestamptz as bill_until
    from unnest(event_names) as given (event_name)
    cross join fridge.billing_start
    where given.event_name not in (select known_meters.event_name from fridge.known_meters)
$$;

insert into fridge.metrics_reads (relation) values ('known_meters');

create or replace view fridge.settled_usage as
with quantities as (
    select
        tenant_id,
        event_name,
        hour,
        -- What Stripe shows beyond what it was told is given back, and is no part of what it is to be told.
        case when kind in ('unexplained', 'not_stated_by_us') then 'credited_in_stripe' else how end as how,
        quantity
    from fridge.settlements
    -- What is wrong on an invoice was stated to Stripe all the same.
    where quantity is not null and shares is null and kind not in ('not_invoiced', 'invoiced_too_much')

    union all

    select
        of_tenants.tenant_id,
        settlements.event_name,
        settlements.hour,
        settlements.how,
        of_tenants.quantity::bigint as quantity
    from fridge.settlements
    cross join lateral jsonb_each_text(settlements.shares) as of_tenants (tenant_id, quantity)
),

of_meters as (
    select
        tenant_id,
        event_name,
        hour,
        how = 'credited_in_stripe' as is_in_stripe,
        coalesce(sum(quantity) filter (where how = 'invoiced_by_hand'), 0) as invoiced,
        coalesce(sum(quantity) filter (where how = 'credited'), 0) as credited,
        coalesce(sum(quantity) filter (where how = 'written_off'), 0) as written_off,
        coalesce(sum(quantity) filter (where how = 'credited_in_stripe'), 0) as credited_in_stripe
    from quantities
    group by hour, tenant_id, event_name, how = 'credited_in_stripe'
)

-- Usage that another meter bills by now is settled all the same: that one is not to state it. What is given back is of
-- what its own meter has too much.
select
    of_meters.tenant_id,
    coalesce(billed_hours.event_name, of_meters.event_name) as event_name,
    of_meters.hour,
    sum(of_meters.invoiced)::bigint as invoiced,
    sum(of_meters.credited)::bigint as credited,
    sum(of_meters.written_off)::bigint as written_off,
    sum(of_meters.credited_in_stripe)::bigint as credited_in_stripe
from of_meters
left join fridge.known_meters on of_meters.event_name = known_meters.event_name
left join fridge.billed_hours
    on
        known_meters.measure = billed_hours.measure
        and of_meters.hour >= billed_hours.begins_at
        and of_meters.hour < billed_hours.bill_until
        and not of_meters.is_in_stripe
        and of_meters.invoiced + of_meters.credited + of_meters.written_off > 0
group by of_meters.hour, of_meters.tenant_id, coalesce(billed_hours.event_name, of_meters.event_name);

-- Totals that were not sent, because a meter that was archived since has the hour, and that a person has had stated all
-- the same: that meter is on no price.
create view fridge.stated_whole as
select
    meter_events.event_name,
    meter_events.tenant_id,
    meter_events.hour,
    meter_events.revision
from fridge.settlements
inner join fridge.exceptions on settlements.exception_id = exceptions.exception_id
inner join fridge.meter_events on exceptions.subject = meter_events.identifier
where settlements.how = 'state_again' and meter_events.answer like 'was not sent: %';

comment on view fridge.stated_whole is
'One row per total of an hour that a person had sent whole to a meter that was made anew; a later revision states it.';

-- Usage without what is stated and settled of it, both ways: usage that is not stated, and meter events, or invoices by
-- hand, whose usage is gone. Added up instead of joined, so that whoever asks for some hours reads no others.
create view fridge.owed_usage as
with figures as (
    select
        billed_hours.event_name,
        usage.tenant_id,
        usage.hour,
        usage.quantity as used,
        null::bigint as stated,
        null::text as stripe_customer_id,
        null::bigint as by_hand,
        null::bigint as written_off
    from fridge.usage
    inner join fridge.billed_hours
        on
            usage.measure = billed_hours.measure
            and usage.hour >= billed_hours.begins_at
            and usage.hour < billed_hours.bill_until

    union all

    select
        event_name,
        tenant_id,
        hour,
        null as used,
        value as stated,
        stripe_customer_id,
        null as by_hand,
        null as written_off
    from fridge.stated_usage

    union all

    select
        event_name,
        tenant_id,
        hour,
        null as used,
        null as stated,
        null as stripe_customer_id,
        invoiced + credited as by_hand,
        written_off
    from fridge.settled_usage
),

summed as (
    select
        event_name,
        tenant_id,
        hour,
        coalesce(sum(used), 0)::bigint as used,
        coalesce(sum(stated), 0)::bigint as stated,
        max(stripe_customer_id) as stripe_customer_id,
        sum(by_hand)::bigint as by_hand,
        sum(written_off)::bigint as written_off
    from figures
    group by hour, tenant_id, event_name
)

select
    summed.event_name,
    summed.tenant_id,
    summed.hour,
    summed.stripe_customer_id,
    summed.used - summed.stated
    - fridge.settled_quantity(summed.used, summed.stated, summed.by_hand, summed.written_off) as owed,
    summed.hour >= billed_hours.bill_from as is_billed
from summed
inner join fridge.billed_hours
    on
        summed.event_name = billed_hours.event_name
        and summed.hour >= billed_hours.begins_at
        and summed.hour < billed_hours.bill_until;

comment on view fridge.owed_usage is
'One row per tenant, hour and the meter that bills it, of which there is anything: what is neither stated nor settled.';
comment on column fridge.owed_usage.stripe_customer_id is 'Whose the hour is; empty while nothing is stated of it.';
comment on column fridge.owed_usage.owed is 'Below 0 where Stripe, or an invoice by hand, has too much.';
comment on column fridge.owed_usage.is_billed is 'It is not before the billing start.';
