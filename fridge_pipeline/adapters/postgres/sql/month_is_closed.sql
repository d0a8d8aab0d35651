select fridge.month_is_closed(%(start)s) as is_closed;
