-- Which causes wait for no person is said once, beside what they mean, and no more in every query that asks.

alter table fridge.causes add column is_delivered_next boolean not null default false;

comment on column fridge.causes.is_delivered_next is
'Whether it waits for no person: the next run, or Stripe''s next sums, end it.';
