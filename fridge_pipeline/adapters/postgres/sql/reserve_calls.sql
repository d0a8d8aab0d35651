-- All pushers together keep to Stripe's calls per second: each books its calls behind those already booked.
-- Returns how many seconds from now its turn comes.
update fridge.stripe_pace
set next_free_at = greatest(next_free_at, clock_timestamp()) + make_interval(secs => %(seconds)s)
returning extract(epoch from next_free_at - clock_timestamp())::double precision - %(seconds)s as wait_seconds;
