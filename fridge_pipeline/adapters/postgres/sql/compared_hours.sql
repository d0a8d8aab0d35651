-- What the newest reading says of hours before the billing start.
select
    tenant_id,
    event_name,
    stripe_customer_id,
    hour,
    usage_value as usage,
    stripe_value as stripe
from fridge.stripe_reconciliation
where
    day between %(first_day)s and %(last_day)s
    and event_name = any(%(event_names)s)
    and hour is not null
    and cause = 'not_billed'
order by tenant_id, event_name, hour, stripe_customer_id;
