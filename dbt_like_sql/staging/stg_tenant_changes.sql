-- materialized: view
-- Of an import that a person has asked for, that person.
select
    tenant_changes.change_id,
    tenant_changes.tenant_id,
    tenant_changes.name as tenant_name,
    tenant_changes.stripe_customer_id,
    tenant_changes.reason,
    coalesce(tenant_imports.acted_by, tenant_changes.acted_by) as acted_by,
    tenant_changes.acted_at,
    coalesce(tenant_imports.os_user, tenant_changes.os_user) as os_user,
    coalesce(tenant_imports.os_host, tenant_changes.os_host) as os_host
from fridge.tenant_changes
left join fridge.tenant_imports on tenant_changes.import_id = tenant_imports.import_id
