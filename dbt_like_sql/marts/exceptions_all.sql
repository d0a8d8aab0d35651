-- materialized: view
select
    exception_id,
    kind,
    tenant_id,
    hour,
    subject,
    detail,
    owed,
    not_invoiced,
    amount_minor_units,
    currency,
    opened_at,
    deadline_at,
    closed_at
from fridge.stg_exceptions
