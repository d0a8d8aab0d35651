select * from fridge.usage_hourly
where hour >= %(start)s and hour < %(end)s
order by tenant_id, meter, hour;
