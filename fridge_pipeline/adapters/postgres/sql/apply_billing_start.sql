-- After the billing start has moved: what was staged and is not billed any more is not sent, nothing waits for being
-- billed where nothing is, and the next sweep compares all hours.
with start as (
    select bill_from from fridge.billing_start
),

superseded as (
    update fridge.meter_events
    set status = 'superseded'
    where status = 'staged' and hour < (select start.bill_from from start)
),

swept as (
    update fridge.swept_catalogue
    set event_names = '{}', measures = '{}'
)

update fridge.exceptions
set closed_at = %(now)s
where
    closed_at is null
    and kind in (
        select exception_kinds.kind
        from fridge.exception_kinds
        where exception_kinds.waits
    )
    and kind not in ('refused', 'unexplained', 'credit_due')
    and hour < (select start.bill_from from start);
