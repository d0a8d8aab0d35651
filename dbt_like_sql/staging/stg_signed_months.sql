-- materialized: view
-- A month that was signed before figures were kept by the hour has only its control totals.
select
    signed_months.month as usage_month,
    signed_months.is_closed,
    signed_months.prepared_at,
    signed_months.approved_at,
    signed_months.control_totals,
    coalesce(signed_months.control_totals -> 'meters' = '{}', false)
    -- The first row by its key: asked whether any exists, PostgreSQL may read the hours of all months.
    or (
        select signed_hours.signoff_id
        from fridge.signed_hours
        where signed_hours.signoff_id = signed_months.signoff_id
        order by signed_hours.tenant_id, signed_hours.meter, signed_hours.hour
        limit 1
    ) is not null as has_hours
from fridge.signed_months
