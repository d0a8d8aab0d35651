-- materialized: kept by hour
-- Only months that are signed can have any: of the others the tie-out is not asked.
select changes.*
from fridge.stg_signed_months as signed_months
cross join
    lateral (
        select signed_changes.*
        from fridge.signed_changes
        where
            signed_changes.hour >= signed_months.usage_month::timestamp at time zone 'UTC'
            and signed_changes.hour < (signed_months.usage_month + interval '1 month') at time zone 'UTC'
    ) as changes
