select tenant_id from fridge.tenants;
