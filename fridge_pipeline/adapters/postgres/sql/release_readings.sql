select pg_advisory_unlock_shared(hashtextextended('retention', 0));
