select * from fridge.tenants
order by tenant_id;
