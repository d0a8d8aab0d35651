select * from fridge.usage_monthly
where usage_month = (%(start)s at time zone 'UTC')::date
order by tenant_id, meter;
