select * from fridge.stripe_reconciliation
where day >= (%(start)s at time zone 'UTC')::date and day < (%(end)s at time zone 'UTC')::date
order by tenant_id, event_name, day, hour nulls first, stripe_customer_id;
