-- materialized: view
-- What was done at Stripe about a statement: sent, read back, or cancelled; each with what came of it.
select
    'sent ' || meter_event_attempts.attempt_id as delivery_id,
    meter_event_attempts.identifier,
    'sent' as act,
    meter_event_attempts.sent_at as acted_at,
    meter_event_attempts.outcome,
    meter_event_attempts.attempt,
    meter_event_attempts.tries,
    meter_event_attempts.latency_seconds,
    null::boolean as is_cancellation,
    null::numeric as value_before,
    null::numeric as value_after,
    null::numeric as value_seen,
    meter_event_attempts.http_status,
    meter_event_attempts.request_id,
    meter_event_attempts.answer,
    meter_event_attempts.run_id
from fridge.meter_event_attempts

union all

select
    'read ' || stripe_readbacks.readback_id as delivery_id,
    stripe_readbacks.identifier,
    'read back' as act,
    stripe_readbacks.read_at as acted_at,
    stripe_readbacks.verdict as outcome,
    null as attempt,
    null as tries,
    null as latency_seconds,
    stripe_readbacks.is_cancellation,
    stripe_readbacks.value_before,
    stripe_readbacks.value_after,
    stripe_readbacks.value_seen,
    null as http_status,
    null as request_id,
    coalesce('Stripe showed ' || stripe_readbacks.value_seen || ' for the hour', 'Stripe showed nothing') as answer,
    stripe_readbacks.run_id
from fridge.stripe_readbacks

union all

select
    'cancelled ' || meter_event_adjustments.identifier as delivery_id,
    meter_event_adjustments.identifier,
    'cancelled' as act,
    coalesce(meter_event_adjustments.first_sent_at, meter_event_adjustments.staged_at) as acted_at,
    meter_event_adjustments.status as outcome,
    null as attempt,
    meter_event_adjustments.attempts as tries,
    null as latency_seconds,
    null as is_cancellation,
    null as value_before,
    null as value_after,
    null as value_seen,
    meter_event_adjustments.http_status,
    meter_event_adjustments.request_id,
    meter_event_adjustments.answer,
    meter_event_adjustments.run_id
from fridge.meter_event_adjustments
