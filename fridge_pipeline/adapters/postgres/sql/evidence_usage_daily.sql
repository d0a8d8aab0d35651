select * from fridge.usage_daily
where usage_date >= (%(start)s at time zone 'UTC')::date and usage_date < (%(end)s at time zone 'UTC')::date
order by tenant_id, meter, usage_date;
