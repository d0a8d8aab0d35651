-- Waits for loads and counts that are under way, and keeps others out until the transaction ends.
select pg_advisory_xact_lock(hashtextextended('retention', 0));
