select * from fridge.tie_out
where hour >= %(start)s and hour < %(end)s
order by tenant_id, meter, hour;
