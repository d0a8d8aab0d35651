select * from fridge.{mart}
where usage_month = %(first_day)s;
