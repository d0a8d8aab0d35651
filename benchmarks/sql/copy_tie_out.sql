copy (
    select * from fridge.tie_out
    where hour >= %(start)s and hour < %(end)s
) to stdout with (format csv, header true);
