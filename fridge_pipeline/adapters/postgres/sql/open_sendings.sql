-- What Stripe has yet to decide, the oldest hour first: statements, and cancellations of statements.
with undecided as (
    select
        identifier,
        false as is_cancellation,
        status = 'unknown'
        and coalesce((
            select meter_event_attempts.outcome in ('refused', 'duplicate')
            from fridge.meter_event_attempts
            where meter_event_attempts.identifier = meter_events.identifier
            order by meter_event_attempts.attempt desc
            limit 1
        ), false) as is_answered
    from fridge.meter_events
    where
        status in ('staged', 'sent', 'unknown')
        and hour between %(first)s and %(last)s

    union all

    select
        identifier,
        true as is_cancellation,
        status = 'unknown' and coalesce(http_status = 400, false) as is_answered
    from fridge.meter_event_adjustments
    where status in ('staged', 'sent', 'unknown')
)

select
    meter_events.identifier,
    meter_events.event_name,
    meter_events.tenant_id,
    meter_events.stripe_customer_id,
    meter_events.hour,
    meter_events.revision,
    meter_events.value,
    meter_events.is_difference,
    meter_events.timestamp,
    -- Of a cancellation, too: an event can be cancelled so long after Stripe got it, however long that has been tried.
    meter_events.first_sent_at,
    undecided.is_cancellation,
    undecided.is_answered
from undecided
inner join fridge.meter_events on undecided.identifier = meter_events.identifier
where meter_events.hour between %(first)s and %(last)s
order by
    meter_events.hour asc, meter_events.event_name asc, meter_events.tenant_id asc, undecided.is_cancellation desc;
