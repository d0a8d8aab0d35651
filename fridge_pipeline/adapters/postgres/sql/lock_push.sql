-- One pusher at a time, across processes: Stripe takes one call at a time per customer and meter.
-- A session lock, held outside any transaction.
select pg_advisory_lock(hashtextextended('fridge.push', 0));
