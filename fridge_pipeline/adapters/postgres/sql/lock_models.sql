select pg_advisory_xact_lock(hashtextextended('fridge.sql_models', 0));
