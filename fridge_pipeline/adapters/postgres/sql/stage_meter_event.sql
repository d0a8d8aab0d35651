insert into fridge.meter_events (
    identifier, event_name, tenant_id, stripe_customer_id, hour, revision, value, is_difference, "timestamp",
    status, staged_at, run_id
) values (
    %(identifier)s, %(event_name)s, %(tenant_id)s, %(stripe_customer_id)s, %(hour)s,
    %(revision)s, %(value)s, %(is_difference)s, %(timestamp)s, 'staged', %(now)s, %(run_id)s
);
