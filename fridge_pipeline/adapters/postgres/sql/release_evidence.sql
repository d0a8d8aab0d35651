select pg_advisory_unlock(hashtextextended('evidence', 0));
