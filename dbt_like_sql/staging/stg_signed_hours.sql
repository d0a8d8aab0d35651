-- materialized: view
select
    signed_months.month as usage_month,
    signed_months.is_closed,
    signed_months.prepared_at,
    signed_hours.tenant_id,
    signed_hours.meter,
    signed_hours.hour,
    signed_hours.usage_quantity,
    signed_hours.stated_quantity,
    signed_hours.stripe_quantity,
    signed_hours.stripe_read_at
from fridge.signed_hours
inner join fridge.signed_months on signed_hours.signoff_id = signed_months.signoff_id
