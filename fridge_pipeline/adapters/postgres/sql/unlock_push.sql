select pg_advisory_unlock(hashtextextended('fridge.push', 0));
