-- Stripe says no after all. The receipt of what it had answered stays as it was; superseded statements are left alone.
update fridge.meter_events
set
    status = 'refused',
    settled_at = coalesce(settled_at, %(now)s)
where identifier = %(identifier)s and status in ('accepted', 'sent', 'unknown')
returning
    event_name,
    tenant_id,
    stripe_customer_id,
    hour,
    revision,
    value,
    is_difference,
    timestamp - hour as into_hour;
