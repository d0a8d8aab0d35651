-- One teller at a time; another one's turn comes at its next look.
select pg_try_advisory_lock(hashtextextended('alerts', 0));
