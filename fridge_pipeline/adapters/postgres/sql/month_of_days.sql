select * from fridge.{mart}
where usage_date >= %(first_day)s and usage_date < %(next_day)s
order by tenant_id, usage_date;
