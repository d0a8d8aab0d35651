-- Which causes wait for no person is said once, beside what they mean, and no more in every query that asks.

alter table fridge.causes add column is_delivered_next boolean not null default false;

comment on column fridge.causes.is_delivered_next is
'Whether it waits for no person: the next run, or Stripe''s next sums, end it.';

-- A tenant's day is found at once, whoever its customers were: an hour's tie-out went through the readings of all days.
drop index fridge.stripe_reconciliation_row;
create unique index stripe_reconciliation_row on fridge.stripe_reconciliation (
    day, tenant_id, event_name, hour, stripe_customer_id
) nulls not distinct;
