-- materialized: view
-- An hour belongs to a period by the timestamp of its statement, half past.
with comparisons as (
    select * from fridge.stg_invoice_comparisons
),

changes as (
    select * from fridge.changes_since_signed
),

usage as not materialized (
    select * from fridge.stg_usage
),

changed as (
    select
        comparisons.invoice_id,
        comparisons.tenant_id,
        comparisons.event_name as meter,
        comparisons.period_start,
        comparisons.period_end,
        sum(changes.change_in_usage) as change_in_usage
    from changes
    inner join comparisons
        on
            changes.tenant_id = comparisons.tenant_id
            and changes.meter = comparisons.event_name
            and changes.hour + interval '30 minutes' >= comparisons.period_start
            and changes.hour + interval '30 minutes' < comparisons.period_end
    group by
        comparisons.invoice_id,
        comparisons.tenant_id,
        comparisons.event_name,
        comparisons.period_start,
        comparisons.period_end
    having sum(changes.change_in_usage) <> 0
),

final as (
    select
        changed.invoice_id,
        changed.tenant_id,
        changed.meter,
        changed.period_start,
        changed.period_end,
        coalesce(now_used.quantity, 0) - changed.change_in_usage as signed_usage,
        coalesce(now_used.quantity, 0) as usage_now
    from changed
    left join
        lateral (
            select sum(usage.quantity) as quantity
            from usage
            where
                usage.tenant_id = changed.tenant_id
                and usage.meter = changed.meter
                and usage.hour >= changed.period_start - interval '30 minutes'
                and usage.hour < changed.period_end - interval '30 minutes'
        ) as now_used
        on true
)

select * from final
