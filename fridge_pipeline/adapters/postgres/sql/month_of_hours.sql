select * from fridge.{mart}
where hour >= %(start)s and hour < %(end)s
order by tenant_id, hour;
