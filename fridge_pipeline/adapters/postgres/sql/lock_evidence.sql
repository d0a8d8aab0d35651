select pg_advisory_lock(hashtextextended('evidence', 0));
