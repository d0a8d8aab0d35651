select * from fridge.restatements
where hour >= %(start)s and hour < %(end)s
order by tenant_id, meter, hour, revision;
