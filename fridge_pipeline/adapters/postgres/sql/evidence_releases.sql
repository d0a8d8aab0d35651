select * from fridge.releases
where hour >= %(start)s and hour < %(end)s
order by release_id;
