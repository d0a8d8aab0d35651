select pg_advisory_lock(hashtextextended(format('fridge.lane %%s %%s', %(customer)s::text, %(event_name)s::text), 0));
