delete from fridge.counted_hours
where usage_table = any(%(usage_tables)s) and landing_hour between %(first)s and %(last)s;
