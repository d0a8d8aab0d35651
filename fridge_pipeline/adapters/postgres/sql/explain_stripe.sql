-- What Stripe showed of one tenant and hour when it was last read, per meter and customer that the hour concerns: who
-- it was stated to, who it was reconciled with, and who the tenant is mapped to now. A reconciliation writes a row
-- for each hour that differs; an hour of a day that was read, without one, was what the ledger says, which holds as
-- long as nothing was decided about it since.
with accounts as (
    select
        event_name,
        stripe_customer_id
    from fridge.meter_events
    where tenant_id = %(tenant_id)s and hour = %(hour)s and (first_sent_at is not null or status = 'staged')
    union
    select
        event_name,
        stripe_customer_id
    from fridge.stripe_reconciliation
    where tenant_id = %(tenant_id)s and hour = %(hour)s and stripe_customer_id is not null
    union
    select
        unnest(%(event_names)s::text[]) as event_name,
        stripe_customer_id
    from fridge.tenants
    where tenant_id = %(tenant_id)s and stripe_customer_id is not null
),

ledger as (
    select
        meter_events.event_name,
        meter_events.stripe_customer_id,
        coalesce(sum(meter_events.value) filter (where meter_events.status = 'accepted'), 0) as value,
        max(
            greatest(meter_events.last_sent_at, meter_events.settled_at, meter_event_adjustments.settled_at)
        ) as changed_at,
        -- Stripe may refuse later what it showed when it was read.
        (array_agg(meter_events.status order by meter_events.revision desc))[1] = 'refused' as is_refused
    from fridge.meter_events
    left join fridge.meter_event_adjustments on meter_events.identifier = meter_event_adjustments.identifier
    where meter_events.tenant_id = %(tenant_id)s and meter_events.hour = %(hour)s
    group by meter_events.event_name, meter_events.stripe_customer_id
),

seen as (
    select
        accounts.event_name,
        accounts.stripe_customer_id,
        coalesce(of_hour.read_at, of_day.read_at) as read_at,
        of_hour.read_at is not null as is_of_hour,
        of_hour.stripe_value,
        of_hour.detail,
        coalesce(ledger.value, 0) as ledger_value,
        coalesce(ledger.is_refused or ledger.changed_at >= of_day.read_at, false) as is_outdated
    from accounts
    left join ledger
        on accounts.event_name = ledger.event_name and accounts.stripe_customer_id = ledger.stripe_customer_id
    left join fridge.stripe_reconciliation as of_hour
        on
            accounts.event_name = of_hour.event_name
            and accounts.stripe_customer_id = of_hour.stripe_customer_id
            and of_hour.tenant_id = %(tenant_id)s
            and of_hour.hour = %(hour)s
            and of_hour.read_at is not null
    left join fridge.stripe_reconciliation as of_day
        on
            accounts.event_name = of_day.event_name
            and accounts.stripe_customer_id = of_day.stripe_customer_id
            and of_day.tenant_id = %(tenant_id)s
            and of_day.day = (%(hour)s::timestamptz at time zone 'UTC')::date
            and of_day.hour is null
            and of_day.read_at is not null
)

select
    event_name,
    stripe_customer_id,
    case
        when is_of_hour then stripe_value
        when read_at is not null and not is_outdated then ledger_value
    end as value,
    read_at,
    case
        when read_at is null then 'not read'
        when is_of_hour then 'reconciliation of the hour'
        when is_outdated then 'read before the ledger changed'
        else 'reconciliation of the day'
    end as source,
    detail
from seen
order by event_name, stripe_customer_id;
