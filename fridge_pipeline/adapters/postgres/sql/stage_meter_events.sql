copy fridge.meter_events (
    identifier, event_name, tenant_id, stripe_customer_id, hour, revision, value, is_difference, "timestamp",
    status, staged_at, run_id
) from stdin;
