-- One tenant and meter in a range of hours, per customer: usage, what the accepted statements come to, and what is
-- still open. Usage belongs to whoever has the hour on the books, else to whom it is being stated, else to the
-- customer that the tenant is mapped to now.
with usage as (
    select
        hour,
        value
    from fridge.measured_usage
    where
        measure = %(measure)s
        and tenant_id = %(tenant_id)s
        and hour between %(first)s and %(last)s
),

statements as (
    select
        meter_events.hour,
        meter_events.stripe_customer_id,
        meter_events.revision,
        meter_events.value,
        meter_events.is_difference,
        meter_events.status,
        coalesce(meter_event_adjustments.status in ('staged', 'sent', 'unknown'), false) as is_cancelling,
        greatest(
            case when meter_events.status in ('accepted', 'superseded') then meter_events.settled_at end,
            case when meter_event_adjustments.status = 'accepted' then meter_event_adjustments.settled_at end
        ) as decided_at
    from fridge.meter_events
    left join fridge.meter_event_adjustments on meter_events.identifier = meter_event_adjustments.identifier
    where
        meter_events.event_name = %(event_name)s
        and meter_events.tenant_id = %(tenant_id)s
        and meter_events.hour between %(first)s and %(last)s
        and (meter_events.first_sent_at is not null or meter_events.status = 'staged')
),

stated as (
    select
        hour,
        stripe_customer_id,
        sum(value) filter (where status = 'accepted') as ledger_value,
        -- What was overwritten or cancelled may still show; what was refused never did.
        case
            when bool_or(is_difference) then sum(value) filter (where status in ('accepted', 'superseded'))
            else max(value) filter (where status in ('accepted', 'superseded'))
        end as most,
        max(decided_at) as decided_at,
        bool_or(is_cancelling or status in ('staged', 'sent', 'unknown')) as is_open,
        (array_agg(status order by revision desc))[1] = 'refused' as is_refused
    from statements
    group by hour, stripe_customer_id
),

holders as (
    select
        hour,
        coalesce(
            (array_agg(stripe_customer_id order by revision desc) filter (where status = 'accepted' and value <> 0))[1],
            (
                array_agg(stripe_customer_id order by revision desc)
                filter (where status in ('staged', 'sent', 'unknown'))
            )[1]
        ) as stripe_customer_id
    from statements
    group by hour
),

payable as (
    select
        usage.hour,
        usage.value,
        coalesce(holders.stripe_customer_id, tenants.stripe_customer_id) as stripe_customer_id
    from usage
    left join holders on usage.hour = holders.hour
    left join fridge.tenants on tenants.tenant_id = %(tenant_id)s
)

select
    coalesce(payable.hour, stated.hour) as hour,
    coalesce(payable.stripe_customer_id, stated.stripe_customer_id) as stripe_customer_id,
    payable.value as usage,
    stated.ledger_value::bigint as ledger,
    coalesce(stated.most, 0)::bigint as most,
    stated.decided_at,
    coalesce(stated.is_open, false) as is_open,
    coalesce(stated.is_refused, false) as is_refused,
    exists(
        select 1 from fridge.exceptions
        where
            exceptions.kind = 'credit_due'
            and exceptions.tenant_id = %(tenant_id)s
            and exceptions.hour = coalesce(payable.hour, stated.hour)
            and exceptions.subject = %(event_name)s
            and exceptions.closed_at is null
    ) as is_credit_due,
    (
        -- Usage that contradicts its files is not stated, and nobody can say what is right.
        select case exceptions.kind when 'contradiction' then 'unexplained' else exceptions.kind end as waiting
        from fridge.exceptions
        where
            exceptions.kind in (
                'held_for_review', 'month_closed', 'customer_taken', 'customer_gone', 'contradiction'
            )
            and exceptions.tenant_id = %(tenant_id)s
            and exceptions.hour = coalesce(payable.hour, stated.hour)
            and (exceptions.subject = %(event_name)s or exceptions.kind = 'contradiction')
            and exceptions.closed_at is null
        order by exceptions.kind desc
        limit 1
    ) as waiting
from payable
full join stated
    on payable.hour = stated.hour and payable.stripe_customer_id = stated.stripe_customer_id
order by hour;
