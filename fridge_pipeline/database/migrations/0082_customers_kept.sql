-- An hour that another meter takes over stays with the customer that it was billed to before: that one may have paid.
-- The order keeps the planner from looking up anything where no meter ever took over.
create view fridge.hours_billed_before as
select
    holders.event_name,
    before.tenant_id,
    before.hour,
    max(before.stripe_customer_id) as stripe_customer_id
from fridge.known_meters
inner join fridge.billed_hours as holders
    on known_meters.measure = holders.measure and known_meters.event_name <> holders.event_name
cross join
    lateral (
        select
            stated_usage.tenant_id,
            stated_usage.hour,
            stated_usage.stripe_customer_id
        from fridge.stated_usage
        where
            stated_usage.event_name = known_meters.event_name
            and stated_usage.hour >= holders.begins_at
            and stated_usage.hour < holders.bill_until
            and stated_usage.value <> 0
        order by stated_usage.hour
    ) as before
group by before.hour, before.tenant_id, holders.event_name;

comment on view fridge.hours_billed_before is
'One row per tenant and hour of a meter that another one of its measure was stated usage of before: whose the hour is.';

create or replace view fridge.owed_usage as
with figures as (
    select
        billed_hours.event_name,
        usage.tenant_id,
        usage.hour,
        usage.quantity as used,
        null::bigint as stated,
        null::text as stripe_customer_id,
        null::text as billed_before,
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
        null as billed_before,
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
        stripe_customer_id as billed_before,
        null as by_hand,
        null as written_off
    from fridge.hours_billed_before

    union all

    select
        event_name,
        tenant_id,
        hour,
        null as used,
        null as stated,
        null as stripe_customer_id,
        null as billed_before,
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
        coalesce(max(stripe_customer_id), max(billed_before)) as stripe_customer_id,
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
