-- Those of the month's hours, and those without an hour that were open at some time of the month.
select * from fridge.exceptions
where
    (hour >= %(start)s and hour < %(end)s)
    or (hour is null and opened_at < %(end)s and coalesce(closed_at >= %(start)s, true))
order by exception_id;
