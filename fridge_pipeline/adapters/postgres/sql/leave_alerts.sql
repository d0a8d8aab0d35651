select pg_advisory_unlock(hashtextextended('alerts', 0));
