-- Settlements are read once: to plan them twice took a share of every statement over usage.
create or replace view fridge.settled_usage as
with quantities as (
    select
        coalesce(of_tenants.tenant_id, settlements.tenant_id) as tenant_id,
        settlements.event_name,
        settlements.hour,
        -- What Stripe shows beyond what it was told is given back, and is no part of what it is to be told.
        case
            when settlements.shares is null and settlements.kind in ('unexplained', 'not_stated_by_us')
                then 'credited_in_stripe'
            else settlements.how
        end as how,
        coalesce(of_tenants.quantity::bigint, settlements.quantity) as quantity
    from fridge.settlements
    left join lateral jsonb_each_text(settlements.shares) as of_tenants (tenant_id, quantity) on true
    where
        of_tenants.tenant_id is not null
        -- What is wrong on an invoice was stated to Stripe all the same.
        or (
            settlements.quantity is not null
            and settlements.shares is null
            and settlements.kind not in ('not_invoiced', 'invoiced_too_much')
        )
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
