-- A customer must be free before another tenant gets it: it is unique after every row, not only after the statement.
update fridge.tenants
set stripe_customer_id = null, updated_at = %(now)s
from imported_tenants
where
    tenants.tenant_id = imported_tenants.tenant_id
    and tenants.stripe_customer_id is distinct from imported_tenants.stripe_customer_id
    and tenants.stripe_customer_id is not null;
