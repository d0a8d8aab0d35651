select * from fridge.tie_out_differences
where hour >= %(start)s and hour < %(end)s
order by tenant_id, meter, hour, step;
