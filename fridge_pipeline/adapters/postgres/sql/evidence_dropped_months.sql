select * from fridge.dropped_months
order by month;
