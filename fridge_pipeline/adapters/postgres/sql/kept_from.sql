-- The shared lock keeps readings from being dropped until the transaction ends.
select
    pg_advisory_xact_lock_shared(hashtextextended('retention', 0))::text as locked,
    fridge.kept_from() as kept_from;
