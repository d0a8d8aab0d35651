select count(*) > 0 as has_customer
from fridge.tenants
where tenant_id = %(tenant_id)s and stripe_customer_id is not null;
