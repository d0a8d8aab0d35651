-- materialized: view
select
    exception_id,
    kind,
    tenant_id,
    hour,
    subject,
    detail,
    owed,
    opened_at,
    deadline_at,
    closed_at
from fridge.stg_exceptions
