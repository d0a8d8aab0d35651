select
    differences.tenant_id,
    differences.meter,
    differences.hour,
    differences.amount
from fridge.tie_out_differences as differences
where
    differences.cause = 'not_stated'
    and exists (
        select 1
        from fridge.billing_ledger as others
        where
            others.meter = differences.meter
            and others.hour = differences.hour
            and others.tenant_id <> differences.tenant_id
            and others.is_counted_by_stripe
    )
