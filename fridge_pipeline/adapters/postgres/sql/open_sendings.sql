-- What Stripe has yet to decide, the oldest hour first: statements, and cancellations of statements.
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
    meter_events.first_sent_at,
    false as is_cancellation,
    meter_events.status = 'unknown'
    and coalesce((
        select meter_event_attempts.outcome in ('refused', 'duplicate')
        from fridge.meter_event_attempts
        where meter_event_attempts.identifier = meter_events.identifier
        order by meter_event_attempts.attempt desc
        limit 1
    ), false) as is_answered
from fridge.meter_events
where
    meter_events.status in ('staged', 'sent', 'unknown')
    and meter_events.hour between %(first)s and %(last)s

union all

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
    -- An event can be cancelled so long after Stripe got it, however long the cancellation has been tried.
    meter_events.first_sent_at,
    true as is_cancellation,
    meter_event_adjustments.status = 'unknown' and meter_event_adjustments.http_status = 400 as is_answered
from fridge.meter_event_adjustments
inner join fridge.meter_events on meter_event_adjustments.identifier = meter_events.identifier
where
    meter_event_adjustments.status in ('staged', 'sent', 'unknown')
    and meter_events.hour between %(first)s and %(last)s
order by hour asc, event_name asc, tenant_id asc, is_cancellation desc;
