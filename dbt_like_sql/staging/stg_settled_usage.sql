-- materialized: view
select
    tenant_id,
    event_name as meter,
    hour,
    invoiced,
    credited,
    written_off,
    credited_in_stripe
from fridge.settled_usage
