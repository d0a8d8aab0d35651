select * from fridge.month_signoffs
where month = (%(start)s at time zone 'UTC')::date
order by signoff_id;
