delete from fridge.stripe_reconciliation
where
    tenant_id = %(tenant_id)s
    and event_name = %(event_name)s
    and day between %(first_day)s and %(last_day)s;
