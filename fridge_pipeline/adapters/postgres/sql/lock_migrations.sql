select pg_advisory_xact_lock(hashtextextended('fridge.migrations', 0));
