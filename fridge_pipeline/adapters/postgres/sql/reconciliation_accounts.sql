-- Who had usage, or was stated usage, in a range of hours: tenant, meter and customer, and when Stripe was last read
-- for it. Whoever stands in the reconciliation already is looked at again, also when the reason is gone. Before the
-- billing start somebody else may have stated usage for any customer, also where we have none.
with metered_usage as (
    select distinct
        measured_usage.tenant_id,
        catalogue.event_name
    from fridge.measured_usage
    inner join unnest(%(event_names)s::text[], %(measures)s::text[]) as catalogue (event_name, measure)
        on measured_usage.measure = catalogue.measure
    where measured_usage.hour between %(first)s and %(last)s
),

accounts as (
    select
        metered_usage.tenant_id,
        metered_usage.event_name,
        tenants.stripe_customer_id
    from metered_usage
    left join fridge.tenants on metered_usage.tenant_id = tenants.tenant_id

    union

    select
        tenant_id,
        event_name,
        stripe_customer_id
    from fridge.meter_events
    where
        hour between %(first)s and %(last)s
        and event_name = any(%(event_names)s)
        and first_sent_at is not null

    union

    select
        tenant_id,
        event_name,
        stripe_customer_id
    from fridge.stripe_reconciliation
    where
        day between %(first_day)s and %(last_day)s
        and event_name = any(%(event_names)s)

    union

    select
        tenants.tenant_id,
        catalogue.event_name,
        tenants.stripe_customer_id
    from fridge.tenants
    cross join unnest(%(event_names)s::text[]) as catalogue (event_name)
    where
        tenants.stripe_customer_id is not null
        and %(first)s::timestamptz < (select billing_start.bill_from from fridge.billing_start)
)

select
    accounts.tenant_id,
    accounts.event_name,
    accounts.stripe_customer_id,
    (
        select max(stripe_reconciliation.read_at)
        from fridge.stripe_reconciliation
        where
            stripe_reconciliation.tenant_id = accounts.tenant_id
            and stripe_reconciliation.event_name = accounts.event_name
            and stripe_reconciliation.stripe_customer_id = accounts.stripe_customer_id
    ) as last_read_at
from accounts
order by last_read_at asc nulls first, accounts.tenant_id asc, accounts.event_name asc;
