-- Takes the lanes that no other pusher has: Stripe takes one call at a time per customer and meter.
-- Session locks, held outside any transaction, across processes and machines; they end with the connection.
select
    stripe_customer_id,
    event_name
from unnest(%(customers)s::text[], %(event_names)s::text[]) as lanes (stripe_customer_id, event_name)
where pg_try_advisory_lock(hashtextextended(format('fridge.lane %%s %%s', stripe_customer_id, event_name), 0));
