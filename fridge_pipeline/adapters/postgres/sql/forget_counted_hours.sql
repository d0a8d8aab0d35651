delete from fridge.counted_hours
where usage_table = %(usage_table)s and landing_hour between %(first)s and %(last)s;
