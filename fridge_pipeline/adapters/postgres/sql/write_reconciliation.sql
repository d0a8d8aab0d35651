-- A row of an earlier reading stays when there is no newer one.
insert into fridge.stripe_reconciliation (
    day, hour, tenant_id, event_name, stripe_customer_id, usage_value, ledger_value, stripe_value, difference,
    cause, detail, read_at, run_id
)
values (
    %(day)s, %(hour)s, %(tenant_id)s, %(event_name)s, %(stripe_customer_id)s, %(usage)s, %(ledger)s, %(stripe)s,
    %(difference)s, %(cause)s, %(detail)s, %(read_at)s, %(run_id)s
)
on conflict (day, tenant_id, event_name, stripe_customer_id, hour) do update
    set
        usage_value = excluded.usage_value,
        ledger_value = excluded.ledger_value,
        detail = excluded.detail,
        run_id = excluded.run_id
    where stripe_reconciliation.read_at is null;
