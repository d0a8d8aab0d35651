select * from fridge.{mart}
where coalesce(hour, opened_at) >= %(start)s and coalesce(hour, opened_at) < %(end)s
order by opened_at, exception_id;
