insert into fridge.stripe_readbacks (
    identifier, is_cancellation, read_at, value_before, value_after, value_seen, verdict, run_id
) values (
    %(identifier)s, %(is_cancellation)s, %(now)s, %(before)s, %(after)s, %(seen)s, %(verdict)s, %(run_id)s
);
