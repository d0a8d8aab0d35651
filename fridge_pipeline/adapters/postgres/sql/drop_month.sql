select fridge.drop_month(%(month)s, %(dropped_by)s, %(now)s);
