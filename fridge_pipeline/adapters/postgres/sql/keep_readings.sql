select pg_advisory_lock_shared(hashtextextended('retention', 0));
