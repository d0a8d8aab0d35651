-- Waits for the counts that have read, and keeps out the ones to come, until the withdrawal is committed.
select pg_advisory_xact_lock(hashtextextended('fridge.counting', 0));
